{# Clicks count at their own time, by the columns of their impressions; orphans have none. #}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects()}
) }}

with delivery as (
    {{ delivery_counts(
        ref('fct_impressions'), ref('fct_clicks'), ['line_item_key', 'creative_key', 'experiment_arm']
    ) }}
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'delivery.event_date:date', 'delivery.line_item_key', 'delivery.creative_key', 'delivery.experiment_arm',
        ])) }} as creative_performance_key,
        delivery.event_date,
        delivery.line_item_key,
        line_items.line_item_id,
        delivery.creative_key,
        creatives.creative_id,
        delivery.experiment_arm,
        delivery.gross_impression_count,
        delivery.net_impression_count,
        delivery.gross_click_count,
        delivery.net_click_count,
        {{ rate('delivery.net_click_count', 'delivery.net_impression_count') }} as ctr_rate
    from delivery
    left join {{ ref('dim_line_items') }} as line_items
        on delivery.line_item_key = line_items.line_item_key and line_items.is_current
    left join {{ ref('dim_creatives') }} as creatives
        on delivery.creative_key = creatives.creative_key and creatives.is_current
)

select * from report
