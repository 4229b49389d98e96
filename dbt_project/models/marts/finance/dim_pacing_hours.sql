{# With the variable `pacing_curve` the weights of the seed, otherwise the same for every hour. #}
with hours as (
    select
        cast(hour_of_day as bigint) as hour_of_day,
        cast({{ 'weight' if var('pacing_curve') else '1' }} as bigint) as weight
    from {{ ref('pacing_curve') }}
),

pacing_hours as (
    select
        hour_of_day,
        weight,
        cast(sum(weight) over (order by hour_of_day) - weight as bigint) as earlier_weight,
        cast(sum(weight) over () as bigint) as day_weight
    from hours
)

select * from pacing_hours
