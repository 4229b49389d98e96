{# Exact. Reach does not add up, neither over days nor over values: ask for it at each grain. #}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects(clicks=false, dimensions=['line_items', 'campaigns', 'placements'])}
) }}

with frequencies as (
    select * from {{ ref('fct_user_frequency_daily') }}
    where {{ affected_dates('event_date') }}
),

reach as (
    select
        event_date,
        breakdown,
        breakdown_value,
        count(*) as reach_count,
        cast(sum(net_impression_count) as bigint) as identified_net_impression_count
    from frequencies
    group by event_date, breakdown, breakdown_value
),

report as (
    select
        {{ hash_to_text(hashdiff(['event_date:date', 'breakdown', 'breakdown_value'])) }}
            as reach_key,
        event_date,
        breakdown,
        breakdown_value,
        reach_count,
        identified_net_impression_count,
        {{ rate('identified_net_impression_count', 'reach_count') }} as frequency_rate
    from reach
)

select * from report
