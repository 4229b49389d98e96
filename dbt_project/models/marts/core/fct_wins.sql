{#
    A win stands on its own date; what it won is said by its bid, at most `max_billing_delay_days`
    before (or a day after, for clocks that disagree).
#}
{% set delay = var('max_billing_delay_days') %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    cluster_by=['line_item_key', 'exchange'],
    meta={'date_effects': [
        {'input': 'exchange.wins'},
        {'input': 'exchange.bids', 'days_before': 1, 'days_after': var('max_billing_delay_days')},
        {'input': 'exchange.bid_requests',
         'days_before': 2, 'days_after': var('max_billing_delay_days') + 1},
    ]}
) }}

with wins as (
    select * from {{ ref('nhl_win__exchange') }}
    where {{ affected_dates('event_date') }}
),

bids as (
    select * from {{ ref('bv_bids') }}
    where {{ affected_dates('event_date', days_before=delay, days_after=1) }}
),

facts as (
    select
        {{ hash_to_text('wins.bid_hk') }} as bid_key,
        wins.bid_id,
        wins.event_at,
        wins.event_date,
        cast(extract(hour from wins.event_at) as bigint) as event_hour,
        wins.clearing_price_micros,
        wins.currency_code,
        bids.bid_hk is not null as is_bid_known,
        bids.event_at as bid_at,
        bids.bid_price_micros,
        bids.currency_code as bid_currency_code,
        bids.exchange,
        {{ hash_to_text('bids.auction_imp_hk') }} as auction_imp_key,
        {{ hash_to_text('bids.line_item_hk') }} as line_item_key,
        {{ hash_to_text('bids.creative_hk') }} as creative_key,
        bids.ad_format,
        bids.country_code,
        bids.region,
        bids.device_type
    from wins
    left join bids
        on
            wins.bid_hk = bids.bid_hk
            and bids.event_date >= {{ add_days('wins.event_date', -delay) }}
            and bids.event_date <= {{ add_days('wins.event_date', 1) }}
)

select * from facts
