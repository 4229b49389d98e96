{#
    Clicks of stream and files as one (the stream wins; more than a day apart, the first loaded), with
    what follows from the clicks and impressions themselves:
    - orphan: no impression of that id in the `max_click_age_days` before it;
    - repeat: at most `click_repeat_seconds` after the previous click, of any class, on the impression.
    Verdicts read this; the class of each click (bv_click_classes) follows from both.
#}
{% set max_age = var('max_click_age_days') %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': [
        {'input': 'ad_events.events', 'days_before': 1, 'days_after': var('max_click_age_days') + 1},
        {'input': 'adserver.impressions', 'days_after': var('max_click_age_days')},
        {'input': 'adserver.clicks', 'days_after': 1},
    ]}
) }}

with foreign_conflicts as (
    select
        source_table,
        event_hk
    from {{ ref('bv_id_conflicts') }}
    where
        event_type = 'click'
        and source_table <> first_source_table
        and {{ affected_dates('event_date', days_before=2, days_after=1) }}
),

from_stream as (
    select * from {{ ref('nhl_click__ad_events') }}
    where
        {{ affected_dates('event_date', days_before=2, days_after=1) }}
        and click_hk not in (
            select foreign_conflicts.event_hk
            from foreign_conflicts
            where foreign_conflicts.source_table = 'ad_events.events'
        )
),

from_files as (
    select * from {{ ref('nhl_click__adserver') }}
    where
        {{ affected_dates('event_date', days_before=1) }}
        and click_hk not in (
            select foreign_conflicts.event_hk
            from foreign_conflicts
            where foreign_conflicts.source_table = 'adserver.clicks'
        )
),

impressions as (
    select
        impression_hk,
        event_at,
        line_item_hk,
        creative_hk,
        placement_hk,
        country_code,
        region,
        latitude,
        longitude,
        device_type,
        ad_format,
        channel,
        experiment_arm,
        exchange
    from {{ ref('bv_impressions') }}
    where {{ affected_dates('event_date', days_before=max_age) }}
),

clicks as (
    select
        from_stream.click_hk,
        from_stream.click_id,
        from_stream.event_at,
        from_stream.event_date,
        from_stream.impression_id,
        from_stream.impression_hk,
        from_stream.user_hk,
        from_stream.ip_pseudonym,
        from_stream.ip_prefix,
        from_stream.user_agent,
        from_stream.landing_url,
        from_stream.record_source,
        from_stream.load_datetime
    from from_stream
    union all
    select
        from_files.click_hk,
        from_files.click_id,
        from_files.event_at,
        from_files.event_date,
        from_files.impression_id,
        from_files.impression_hk,
        from_files.user_hk,
        from_files.ip_pseudonym,
        from_files.ip_prefix,
        from_files.user_agent,
        from_files.landing_url,
        from_files.record_source,
        from_files.load_datetime
    from from_files
    where
        not exists (
            select 1
            from from_stream
            where
                from_stream.click_hk = from_files.click_hk
                and from_stream.event_date between
                {{ add_days('from_files.event_date', -1) }}
                and {{ add_days('from_files.event_date', 1) }}
        )
),

clicks_in_order as (
    select
        clicks.*,
        {# Only the day before is read for certain, so what lies further back must not be told. #}
        case
            when
                lag(clicks.event_date) over (
                    partition by clicks.impression_hk
                    order by clicks.event_at, clicks.click_id
                ) >= {{ add_days('clicks.event_date', -1) }}
                then lag(clicks.event_at) over (
                    partition by clicks.impression_hk
                    order by clicks.event_at, clicks.click_id
                )
        end as previous_click_at
    from clicks
),

clicks_with_impressions as (
    select
        clicks_in_order.*,
        impressions.event_at as impression_at,
        impressions.line_item_hk,
        impressions.creative_hk,
        impressions.placement_hk,
        impressions.country_code,
        impressions.region,
        impressions.latitude,
        impressions.longitude,
        impressions.device_type,
        impressions.ad_format,
        impressions.channel,
        impressions.experiment_arm,
        impressions.exchange
    from clicks_in_order
    left join impressions
        on
            clicks_in_order.impression_hk = impressions.impression_hk
            and clicks_in_order.event_at >= impressions.event_at
            and clicks_in_order.event_at
            <= {{ add_micros('impressions.event_at', max_age * 86400000000) }}
    where {{ affected_dates('clicks_in_order.event_date') }}
    {# One id with impressions days apart is an id conflict that slipped in: the last one counts. #}
    qualify row_number() over (
        partition by clicks_in_order.click_hk, clicks_in_order.event_at
        order by impressions.event_at desc
    ) = 1
),

flagged as (
    select
        clicks_with_impressions.*,
        clicks_with_impressions.impression_at is null as is_orphan,
        coalesce(
            {{ micros_between(
                'clicks_with_impressions.previous_click_at', 'clicks_with_impressions.event_at'
            ) }} <= {{ var('click_repeat_seconds') * 1000000 }},
            false
        ) as is_repeat
    from clicks_with_impressions
)

select * from flagged
