{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    cluster_by=['line_item_key', 'placement_key'],
    meta={'date_effects': verdict_effects(clicks=false)}
) }}

with impressions as (
    select * from {{ ref('fct_impressions') }}
    where {{ affected_dates('event_date') }}
),

viewability as (
    select
        {{ hash_to_text('impression_hk') }} as impression_key,
        interval_count,
        viewability_rule,
        longest_stretch_ms,
        is_measurable,
        is_viewable,
        in_view_ms
    from {{ ref('bv_viewability') }}
    where {{ affected_dates('event_date') }}
),

facts as (
    select
        impressions.impression_key,
        impressions.impression_id,
        impressions.event_at,
        impressions.event_date,
        impressions.line_item_key,
        impressions.creative_key,
        impressions.placement_key,
        impressions.device_type,
        impressions.ad_format,
        impressions.is_invalid,
        viewability.viewability_rule,
        coalesce(viewability.interval_count, 0) as interval_count,
        coalesce(viewability.longest_stretch_ms, 0) as longest_stretch_ms,
        coalesce(viewability.is_measurable, false) as is_measurable,
        coalesce(viewability.is_viewable, false) as is_viewable,
        coalesce(viewability.in_view_ms, 0) as in_view_ms
    from impressions
    left join viewability
        on impressions.impression_key = viewability.impression_key
)

select * from facts
