{#
    Of net impressions: counts that add up, and their rates; a rate of several rows is the quotient of
    their sums.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects(clicks=false)}
) }}

with viewability as (
    select
        event_date,
        line_item_key,
        creative_key,
        placement_key,
        device_type,
        ad_format,
        count(*) as net_impression_count,
        count(case when is_measurable then 1 end) as measurable_impression_count,
        count(case when is_viewable then 1 end) as viewable_impression_count,
        cast(sum(in_view_ms) as bigint) as in_view_ms
    from {{ ref('fct_viewability') }}
    where
        {{ affected_dates('event_date') }}
        and not is_invalid
    group by event_date, line_item_key, creative_key, placement_key, device_type, ad_format
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'viewability.event_date:date', 'viewability.line_item_key', 'viewability.creative_key',
            'viewability.placement_key', 'viewability.device_type', 'viewability.ad_format',
        ])) }} as viewability_key,
        viewability.event_date,
        viewability.line_item_key,
        line_items.line_item_id,
        viewability.creative_key,
        creatives.creative_id,
        viewability.placement_key,
        placements.placement_id,
        viewability.device_type,
        viewability.ad_format,
        viewability.net_impression_count,
        viewability.measurable_impression_count,
        viewability.viewable_impression_count,
        viewability.in_view_ms,
        {{ rate('viewability.measurable_impression_count', 'viewability.net_impression_count') }}
            as measured_rate,
        {{ rate('viewability.viewable_impression_count',
                'viewability.measurable_impression_count') }} as viewable_rate
    from viewability
    left join {{ ref('dim_line_items') }} as line_items
        on viewability.line_item_key = line_items.line_item_key and line_items.is_current
    left join {{ ref('dim_creatives') }} as creatives
        on viewability.creative_key = creatives.creative_key and creatives.is_current
    left join {{ ref('dim_placements') }} as placements
        on viewability.placement_key = placements.placement_key and placements.is_current
)

select * from report
