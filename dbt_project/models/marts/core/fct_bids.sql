{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    cluster_by=['line_item_key', 'exchange'],
    meta={'date_effects': [
        {'input': 'exchange.bids'},
        {'input': 'exchange.bid_requests', 'days_before': 1, 'days_after': 1},
        {'input': 'exchange.wins', 'days_before': var('max_billing_delay_days'), 'days_after': 1},
        {'input': 'exchange.billing_notices',
         'days_before': var('max_billing_delay_days'), 'days_after': 1},
        {'input': 'ad_events.events',
         'days_before': var('max_billing_delay_days') + 1, 'days_after': 2},
        {'input': 'adserver.impressions',
         'days_before': var('max_billing_delay_days'), 'days_after': 1},
    ]}
) }}

with bids as (
    select * from {{ ref('bv_bids') }}
    where {{ affected_dates('event_date') }}
),

facts as (
    select
        {{ hash_to_text('bids.bid_hk') }} as bid_key,
        bids.bid_id,
        bids.event_at,
        bids.event_date,
        cast(extract(hour from bids.event_at) as bigint) as event_hour,
        bids.exchange,
        {{ hash_to_text('bids.auction_imp_hk') }} as auction_imp_key,
        {{ hash_to_text('bids.line_item_hk') }} as line_item_key,
        {{ hash_to_text('bids.creative_hk') }} as creative_key,
        bids.ad_format,
        bids.country_code,
        bids.region,
        bids.device_type,
        bids.bid_price_micros,
        bids.currency_code,
        bids.is_won,
        bids.won_at,
        bids.clearing_price_micros,
        bids.clearing_currency_code,
        bids.is_billed,
        bids.billed_at,
        bids.impression_hk is not null as is_rendered,
        {{ hash_to_text('bids.impression_hk') }} as impression_key,
        bids.rendered_at
    from bids
)

select * from facts
