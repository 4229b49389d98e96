{#
    Of net impressions: counts that add up, and their rates over starts; a rate of several rows is the
    quotient of their sums. Each event counts on its own date, so a start before midnight and its end may
    stand on two.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': [
        {'input': 'ad_events.events', 'days_before': 3, 'days_after': 3},
        {'input': 'adserver.impressions', 'days_before': 2, 'days_after': 2},
        {'input': 'adserver.clicks', 'days_before': 2, 'days_after': 2},
    ]}
) }}

with events as (
    select
        event_date,
        line_item_key,
        creative_key,
        count(case when video_event = 'start' then 1 end) as start_count,
        count(case when video_event = 'first_quartile' then 1 end) as first_quartile_count,
        count(case when video_event = 'midpoint' then 1 end) as midpoint_count,
        count(case when video_event = 'third_quartile' then 1 end) as third_quartile_count,
        count(case when video_event = 'complete' then 1 end) as complete_count,
        count(case when video_event = 'mute' then 1 end) as mute_count,
        count(case when video_event = 'skip' then 1 end) as skip_count
    from {{ ref('fct_video_events') }}
    where
        {{ affected_dates('event_date') }}
        and impression_key is not null
        and not is_invalid
    group by event_date, line_item_key, creative_key
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'events.event_date:date', 'events.line_item_key', 'events.creative_key',
        ])) }} as video_key,
        events.event_date,
        events.line_item_key,
        line_items.line_item_id,
        events.creative_key,
        creatives.creative_id,
        events.start_count,
        events.first_quartile_count,
        events.midpoint_count,
        events.third_quartile_count,
        events.complete_count,
        events.mute_count,
        events.skip_count,
        {{ rate('events.first_quartile_count', 'events.start_count') }} as first_quartile_rate,
        {{ rate('events.midpoint_count', 'events.start_count') }} as midpoint_rate,
        {{ rate('events.third_quartile_count', 'events.start_count') }} as third_quartile_rate,
        {{ rate('events.complete_count', 'events.start_count') }} as completion_rate
    from events
    left join {{ ref('dim_line_items') }} as line_items
        on events.line_item_key = line_items.line_item_key and line_items.is_current
    left join {{ ref('dim_creatives') }} as creatives
        on events.creative_key = creatives.creative_key and creatives.is_current
)

select * from report
