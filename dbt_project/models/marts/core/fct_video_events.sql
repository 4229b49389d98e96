{#
    An event belongs to its impression up to one day either side, for clocks around midnight; without one
    it has no dimensions.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    cluster_by=['line_item_key', 'creative_key'],
    meta={'date_effects': [
        {'input': 'ad_events.events', 'days_before': 3, 'days_after': 3},
        {'input': 'adserver.impressions', 'days_before': 2, 'days_after': 2},
        {'input': 'adserver.clicks', 'days_before': 2, 'days_after': 2},
    ]}
) }}

with video_events as (
    select
        {{ hash_to_text('video_event_hk') }} as video_event_key,
        {{ hash_to_text('impression_hk') }} as impression_key,
        event_at,
        event_date,
        video_event,
        position_ms
    from {{ ref('nhl_video_event__ad_events') }}
    where {{ affected_dates('event_date') }}
),

impressions as (
    select
        impression_key,
        event_date,
        line_item_key,
        creative_key,
        placement_key,
        device_type,
        is_invalid
    from {{ ref('fct_impressions') }}
    where {{ affected_dates('event_date', days_before=1, days_after=1) }}
),

facts as (
    select
        video_events.video_event_key,
        video_events.event_at,
        video_events.event_date,
        video_events.video_event,
        video_events.position_ms,
        impressions.impression_key,
        impressions.line_item_key,
        impressions.creative_key,
        impressions.placement_key,
        impressions.device_type,
        coalesce(impressions.is_invalid, false) as is_invalid
    from video_events
    left join impressions
        on
            video_events.impression_key = impressions.impression_key
            and video_events.event_date >= {{ add_days('impressions.event_date', -1) }}
            and video_events.event_date <= {{ add_days('impressions.event_date', 1) }}
)

select * from facts
