{#
    What became of a bid: its slot (on the bid's date or a day either side), its win, its billing notice
    and its impression (at most `max_billing_delay_days` after it, or a day before).
#}
{% set delay = var('max_billing_delay_days') %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
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
    select * from {{ ref('nhl_bid__exchange') }}
    where {{ affected_dates('event_date') }}
),

auction_imps as (
    select * from {{ ref('bv_auction_imps') }}
    where {{ affected_dates('event_date', days_before=1, days_after=1) }}
),

wins as (
    select * from {{ ref('nhl_win__exchange') }}
    where {{ affected_dates('event_date', days_before=1, days_after=delay) }}
),

billing_notices as (
    select * from {{ ref('nhl_billing_notice__exchange') }}
    where {{ affected_dates('event_date', days_before=1, days_after=delay) }}
),

impressions as (
    select * from {{ ref('bv_impressions') }}
    where
        {{ affected_dates('event_date', days_before=1, days_after=delay) }}
        and bid_hk is not null
),

rendered as (
    select
        bids.bid_hk,
        impressions.impression_hk,
        impressions.event_at
    from bids
    inner join impressions
        on
            bids.bid_hk = impressions.bid_hk
            and impressions.event_date >= {{ add_days('bids.event_date', -1) }}
            and impressions.event_date <= {{ add_days('bids.event_date', delay) }}
    {# A bid buys one impression; should two claim it, it is the first that it bought. #}
    qualify row_number() over (
        partition by bids.bid_hk
        order by impressions.event_at, impressions.impression_id
    ) = 1
),

outcomes as (
    select
        bids.bid_hk,
        bids.bid_id,
        bids.event_at,
        bids.event_date,
        bids.exchange,
        bids.auction_id,
        bids.imp_id,
        bids.line_item_hk,
        bids.creative_hk,
        bids.bid_price_micros,
        bids.currency_code,
        auction_imps.auction_imp_hk,
        auction_imps.ad_format,
        auction_imps.country_code,
        auction_imps.region,
        auction_imps.device_type,
        wins.win_hk is not null as is_won,
        wins.event_at as won_at,
        wins.clearing_price_micros,
        wins.currency_code as clearing_currency_code,
        billing_notices.billing_notice_hk is not null as is_billed,
        billing_notices.event_at as billed_at,
        rendered.impression_hk,
        rendered.event_at as rendered_at,
        bids.record_source,
        bids.load_datetime
    from bids
    left join auction_imps
        on
            bids.auction_imp_hk = auction_imps.auction_imp_hk
            and auction_imps.event_date >= {{ add_days('bids.event_date', -1) }}
            and auction_imps.event_date <= {{ add_days('bids.event_date', 1) }}
    left join wins
        on
            bids.bid_hk = wins.bid_hk
            and wins.event_date >= {{ add_days('bids.event_date', -1) }}
            and wins.event_date <= {{ add_days('bids.event_date', delay) }}
    left join billing_notices
        on
            bids.bid_hk = billing_notices.bid_hk
            and billing_notices.event_date >= {{ add_days('bids.event_date', -1) }}
            and billing_notices.event_date <= {{ add_days('bids.event_date', delay) }}
    left join rendered
        on bids.bid_hk = rendered.bid_hk
)

select * from outcomes
