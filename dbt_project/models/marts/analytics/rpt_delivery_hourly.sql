{# Clicks count at their own time, by the columns of their impressions; orphans have none. #}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects()}
) }}

with delivery as (
    {{ delivery_counts(
        ref('fct_impressions'), ref('fct_clicks'), ['event_hour', 'line_item_key']
    ) }}
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'delivery.event_date:date', 'delivery.event_hour:integer', 'delivery.line_item_key',
        ])) }} as delivery_hourly_key,
        delivery.event_date,
        cast({{ iso_weekday('delivery.event_date') }} as bigint) as weekday,
        delivery.event_hour,
        delivery.line_item_key,
        line_items.line_item_id,
        delivery.gross_impression_count,
        delivery.net_impression_count,
        delivery.gross_click_count,
        delivery.net_click_count,
        {{ rate('delivery.net_click_count', 'delivery.net_impression_count') }} as ctr_rate
    from delivery
    left join {{ ref('dim_line_items') }} as line_items
        on delivery.line_item_key = line_items.line_item_key and line_items.is_current
)

select * from report
