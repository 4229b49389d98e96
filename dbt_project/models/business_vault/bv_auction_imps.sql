{#
    The slots of a request as it was first delivered. A slot that only a later delivery of the request
    with another time has is no part of it: that delivery is an id conflict.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': [{'input': 'exchange.bid_requests'}]}
) }}

with auctions as (
    select * from {{ ref('nhl_auction__exchange') }}
    where {{ affected_dates('event_date') }}
),

auction_imps as (
    select * from {{ ref('nhl_auction_imp__exchange') }}
    where {{ affected_dates('event_date') }}
),

offered as (
    select
        auction_imps.auction_imp_hk,
        auction_imps.auction_hk,
        auctions.user_hk,
        auction_imps.exchange,
        auction_imps.auction_id,
        auction_imps.imp_id,
        auction_imps.imp_number,
        auction_imps.event_at,
        auction_imps.event_date,
        auction_imps.tag_id,
        auction_imps.ad_format,
        auction_imps.width,
        auction_imps.height,
        auction_imps.floor_price,
        auction_imps.floor_currency_code,
        auction_imps.deal_count,
        auctions.imp_count,
        auctions.inventory_type,
        auctions.inventory_id,
        auctions.domain_or_bundle,
        auctions.iab_categories,
        auctions.exchange_publisher_id,
        auctions.device_type,
        auctions.os,
        auctions.country_code,
        auctions.region,
        auctions.age_band,
        auctions.gender,
        auctions.is_gdpr_applicable,
        auctions.is_coppa_applicable,
        auctions.seller_count,
        auctions.auction_type,
        auctions.max_response_ms,
        auction_imps.record_source,
        auction_imps.load_datetime,
        auction_imps.load_pin
    from auction_imps
    inner join auctions
        on
            auction_imps.auction_hk = auctions.auction_hk
            and auction_imps.event_date = auctions.event_date
            and auction_imps.event_at = auctions.event_at
)

select * from offered
