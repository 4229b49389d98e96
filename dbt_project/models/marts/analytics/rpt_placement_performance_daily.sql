{# Clicks count at their own time, by the columns of their impressions; orphans have none. #}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects()}
) }}

with delivery as (
    {{ delivery_counts(
        ref('fct_impressions'), ref('fct_clicks'), ['placement_key', 'exchange']
    ) }}
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'delivery.event_date:date', 'delivery.placement_key', 'delivery.exchange',
        ])) }} as placement_performance_key,
        delivery.event_date,
        delivery.placement_key,
        placements.placement_id,
        delivery.exchange,
        delivery.gross_impression_count,
        delivery.net_impression_count,
        delivery.gross_click_count,
        delivery.net_click_count,
        {{ rate('delivery.net_click_count', 'delivery.net_impression_count') }} as ctr_rate
    from delivery
    left join {{ ref('dim_placements') }} as placements
        on delivery.placement_key = placements.placement_key and placements.is_current
)

select * from report
