{#
    Reach of all time, merged from the sketches of the months: exact while a value reached fewer ids than
    `reach_sketch_size`, else an estimate with its relative standard error beside it.
#}
with monthly as (
    select
        breakdown,
        breakdown_value,
        sketch_value
    from {{ ref('fct_reach_sketches_monthly') }}
),

merged as (
    {{ sketch('monthly', ['breakdown', 'breakdown_value'], size=var('reach_sketch_size')) }}
),

estimates as (
    select
        breakdown,
        breakdown_value,
        {{ sketch_estimate(size=var('reach_sketch_size')) }} as reach_count,
        count(*) < {{ var('reach_sketch_size') }} as is_exact
    from merged
    group by breakdown, breakdown_value
),

report as (
    select
        {{ hash_to_text(hashdiff(['breakdown', 'breakdown_value'])) }} as reach_key,
        breakdown,
        breakdown_value,
        reach_count,
        is_exact,
        case
            when is_exact then cast(0 as numeric(38, 9))
            else {{ sketch_error(var('reach_sketch_size')) }}
        end as relative_error
    from estimates
)

select * from report
