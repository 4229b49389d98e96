{#
    Where the stream and the ad server report the same impression, the stream's fields win, whichever
    came first. The two may differ in time across midnight, so one day either side is looked at. Further
    apart, the one that was loaded first is the impression, and the other an id conflict.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': [
        {'input': 'ad_events.events', 'days_before': 1, 'days_after': 1},
        {'input': 'adserver.impressions'},
    ]}
) }}

with foreign_conflicts as (
    select
        source_table,
        event_hk
    from {{ ref('bv_id_conflicts') }}
    where
        event_type = 'impression'
        and source_table <> first_source_table
        and {{ affected_dates('event_date', days_before=1, days_after=1) }}
),

from_stream as (
    select * from {{ ref('nhl_impression__ad_events') }}
    where
        {{ affected_dates('event_date', days_before=1, days_after=1) }}
        and impression_hk not in (
            select foreign_conflicts.event_hk
            from foreign_conflicts
            where foreign_conflicts.source_table = 'ad_events.events'
        )
),

from_files as (
    select * from {{ ref('nhl_impression__adserver') }}
    where
        {{ affected_dates('event_date') }}
        and impression_hk not in (
            select foreign_conflicts.event_hk
            from foreign_conflicts
            where foreign_conflicts.source_table = 'adserver.impressions'
        )
),

impressions as (
    select
        from_stream.impression_hk,
        from_stream.impression_id,
        from_stream.event_at,
        from_stream.event_date,
        from_stream.line_item_hk,
        from_stream.creative_hk,
        from_stream.placement_hk,
        from_stream.user_hk,
        from_stream.bid_hk,
        from_stream.exchange,
        from_stream.auction_id,
        from_stream.imp_id,
        from_stream.bid_id,
        from_stream.ip_pseudonym,
        from_stream.ip_prefix,
        from_stream.user_agent,
        from_stream.country_code,
        from_stream.region,
        from_stream.latitude,
        from_stream.longitude,
        from_stream.device_type,
        from_stream.ad_format,
        from_stream.width,
        from_stream.height,
        from_stream.clearing_price_micros,
        from_stream.currency_code,
        from_stream.channel,
        from_stream.experiment_arm,
        from_stream.page_url,
        from_stream.is_prefetch,
        from_stream.is_gdpr_applicable,
        from_stream.has_personal_consent,
        from_stream.record_source,
        from_stream.load_datetime
    from from_stream
    where {{ affected_dates('from_stream.event_date') }}
    union all
    select
        from_files.impression_hk,
        from_files.impression_id,
        from_files.event_at,
        from_files.event_date,
        from_files.line_item_hk,
        from_files.creative_hk,
        from_files.placement_hk,
        from_files.user_hk,
        from_files.bid_hk,
        from_files.exchange,
        from_files.auction_id,
        from_files.imp_id,
        from_files.bid_id,
        from_files.ip_pseudonym,
        from_files.ip_prefix,
        from_files.user_agent,
        from_files.country_code,
        from_files.region,
        from_files.latitude,
        from_files.longitude,
        from_files.device_type,
        from_files.ad_format,
        from_files.width,
        from_files.height,
        from_files.clearing_price_micros,
        from_files.currency_code,
        from_files.channel,
        from_files.experiment_arm,
        from_files.page_url,
        from_files.is_prefetch,
        from_files.is_gdpr_applicable,
        from_files.has_personal_consent,
        from_files.record_source,
        from_files.load_datetime
    from from_files
    where
        not exists (
            select 1
            from from_stream
            where
                from_stream.impression_hk = from_files.impression_hk
                and from_stream.event_date between
                {{ add_days('from_files.event_date', -1) }}
                and {{ add_days('from_files.event_date', 1) }}
        )
)

select * from impressions
