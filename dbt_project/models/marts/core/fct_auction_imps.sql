{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    cluster_by=['exchange', 'country_code'],
    meta={'date_effects': [{'input': 'exchange.bid_requests'}]}
) }}

with auction_imps as (
    select * from {{ ref('bv_auction_imps') }}
    where {{ affected_dates('event_date') }}
),

facts as (
    select
        {{ hash_to_text('auction_imps.auction_imp_hk') }} as auction_imp_key,
        {{ hash_to_text('auction_imps.auction_hk') }} as auction_key,
        auction_imps.exchange,
        auction_imps.auction_id,
        auction_imps.imp_id,
        auction_imps.event_at,
        auction_imps.event_date,
        cast(extract(hour from auction_imps.event_at) as bigint) as event_hour,
        auction_imps.tag_id,
        auction_imps.ad_format,
        auction_imps.width,
        auction_imps.height,
        auction_imps.floor_price as floor_cpm_amount,
        auction_imps.floor_currency_code,
        cast(auction_imps.deal_count as bigint) as deal_count,
        auction_imps.inventory_type,
        auction_imps.inventory_id,
        auction_imps.domain_or_bundle,
        auction_imps.exchange_publisher_id,
        auction_imps.device_type,
        auction_imps.os,
        auction_imps.country_code,
        auction_imps.region,
        {{ hash_to_text('auction_imps.user_hk') }} as user_key,
        auction_imps.age_band,
        auction_imps.gender,
        auction_imps.auction_type,
        auction_imps.is_gdpr_applicable,
        auction_imps.is_coppa_applicable
    from auction_imps
)

select * from facts
