{#
    What the exchange charges, on the date of the notice. Bid, win and impression come at most
    `max_billing_delay_days` before it (or a day after, for clocks that disagree). A notice whose bid
    rendered no impression is charged all the same; one whose win is unknown has no price yet.
#}
{% set delay = var('max_billing_delay_days') %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    cluster_by=['line_item_key', 'exchange'],
    meta={'date_effects': [
        {'input': 'exchange.billing_notices'},
        {'input': 'exchange.wins', 'days_before': 1, 'days_after': var('max_billing_delay_days')},
        {'input': 'exchange.bids', 'days_before': 1, 'days_after': var('max_billing_delay_days')},
        {'input': 'exchange.bid_requests',
         'days_before': 2, 'days_after': var('max_billing_delay_days') + 1},
        {'input': 'ad_events.events',
         'days_before': 2, 'days_after': var('max_billing_delay_days') + 1},
        {'input': 'adserver.impressions',
         'days_before': 1, 'days_after': var('max_billing_delay_days')},
    ]}
) }}

with billing_notices as (
    select * from {{ ref('nhl_billing_notice__exchange') }}
    where {{ affected_dates('event_date') }}
),

wins as (
    select * from {{ ref('nhl_win__exchange') }}
    where {{ affected_dates('event_date', days_before=delay, days_after=1) }}
),

bids as (
    select * from {{ ref('bv_bids') }}
    where {{ affected_dates('event_date', days_before=delay, days_after=1) }}
),

rendered as (
    select
        bid_hk,
        impression_hk
    from {{ ref('bv_bought_impressions') }}
    where
        {{ affected_dates('event_date', days_before=delay, days_after=1) }}
        and is_billed
),

facts as (
    select
        {{ hash_to_text('billing_notices.bid_hk') }} as bid_key,
        billing_notices.bid_id,
        billing_notices.event_at,
        billing_notices.event_date,
        cast(extract(hour from billing_notices.event_at) as bigint) as event_hour,
        wins.clearing_price_micros,
        wins.currency_code,
        rendered.impression_hk is not null as is_rendered,
        {{ hash_to_text('rendered.impression_hk') }} as impression_key,
        bids.bid_hk is not null as is_bid_known,
        bids.event_at as bid_at,
        bids.exchange,
        {{ hash_to_text('bids.auction_imp_hk') }} as auction_imp_key,
        {{ hash_to_text('bids.line_item_hk') }} as line_item_key,
        {{ hash_to_text('bids.creative_hk') }} as creative_key,
        bids.ad_format,
        bids.country_code,
        bids.region,
        bids.device_type
    from billing_notices
    left join wins
        on
            billing_notices.bid_hk = wins.bid_hk
            and wins.event_date >= {{ add_days('billing_notices.event_date', -delay) }}
            and wins.event_date <= {{ add_days('billing_notices.event_date', 1) }}
    left join bids
        on
            billing_notices.bid_hk = bids.bid_hk
            and bids.event_date >= {{ add_days('billing_notices.event_date', -delay) }}
            and bids.event_date <= {{ add_days('billing_notices.event_date', 1) }}
    left join rendered
        on billing_notices.bid_hk = rendered.bid_hk
)

select * from facts
