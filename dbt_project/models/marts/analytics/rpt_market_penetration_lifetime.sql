{#
    Reach over the addressable audience of all time. The audience is exact; the reach is merged from the
    sketches of the months: exact while a value has fewer reached ids than `reach_sketch_size`, else an
    estimate with its relative standard error beside it, and never more than the audience.
#}
with audience as (
    select
        addressable_audience_key,
        breakdown,
        country_code,
        region,
        age_band,
        gender,
        device_type,
        user_count
    from {{ ref('rpt_addressable_audience') }}
),

monthly as (
    select
        {{ hash_to_text(hashdiff([
            'breakdown', 'country_code', 'region', 'age_band', 'gender', 'device_type',
        ])) }} as addressable_audience_key,
        sketch_value
    from {{ ref('fct_penetration_sketches_monthly') }}
),

merged as (
    {{ sketch('monthly', ['addressable_audience_key'], size=var('reach_sketch_size')) }}
),

estimates as (
    select
        addressable_audience_key,
        {{ sketch_estimate(size=var('reach_sketch_size')) }} as reach_count,
        count(*) < {{ var('reach_sketch_size') }} as is_exact
    from merged
    group by addressable_audience_key
),

reached as (
    select
        audience.addressable_audience_key,
        audience.breakdown,
        audience.country_code,
        audience.region,
        audience.age_band,
        audience.gender,
        audience.device_type,
        audience.user_count as addressable_count,
        case
            when estimates.reach_count > audience.user_count then audience.user_count
            else coalesce(estimates.reach_count, 0)
        end as reach_count,
        coalesce(estimates.is_exact, true) as is_exact
    from audience
    left join estimates
        on audience.addressable_audience_key = estimates.addressable_audience_key
),

report as (
    select
        addressable_audience_key as market_penetration_key,
        breakdown,
        country_code,
        region,
        age_band,
        gender,
        device_type,
        addressable_count,
        reach_count,
        {{ rate('reach_count', 'addressable_count') }} as penetration_rate,
        is_exact,
        case
            when is_exact then cast(0 as numeric(38, 9))
            else {{ sketch_error(var('reach_sketch_size')) }}
        end as relative_error
    from reached
)

select * from report
