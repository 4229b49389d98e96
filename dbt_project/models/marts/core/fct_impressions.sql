{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    cluster_by=['line_item_key', 'placement_key'],
    meta={'date_effects': verdict_effects(clicks=false)}
) }}

with impressions as (
    select * from {{ ref('bv_impressions') }}
    where {{ affected_dates('event_date') }}
),

verdicts as (
    select
        impression_hk,
        event_date,
        primary_reason_code
    from {{ ref('bv_impression_verdicts') }}
    where {{ affected_dates('event_date') }}
),

facts as (
    select
        {{ hash_to_text('impressions.impression_hk') }} as impression_key,
        impressions.impression_id,
        impressions.event_at,
        impressions.event_date,
        cast(extract(hour from impressions.event_at) as bigint) as event_hour,
        {{ hash_to_text('impressions.line_item_hk') }} as line_item_key,
        {{ hash_to_text('impressions.creative_hk') }} as creative_key,
        {{ hash_to_text('impressions.placement_hk') }} as placement_key,
        {{ hash_to_text('impressions.user_hk') }} as user_key,
        impressions.channel,
        impressions.country_code,
        impressions.region,
        impressions.latitude,
        impressions.longitude,
        impressions.device_type,
        impressions.ad_format,
        impressions.exchange,
        impressions.experiment_arm,
        impressions.has_personal_consent,
        impressions.clearing_price_micros,
        impressions.currency_code,
        verdicts.impression_hk is not null as is_invalid,
        verdicts.primary_reason_code as invalid_reason_code
    from impressions
    left join verdicts
        on
            impressions.impression_hk = verdicts.impression_hk
            and impressions.event_date = verdicts.event_date
)

select * from facts
