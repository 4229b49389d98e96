{#
    The verdict on an impression that a bid bought: billed, if the exchange sent a billing notice for the
    bid. Then it costs what the auction cleared at, as the win says (what stream or file say of the price
    is not asked). A notice whose win has not arrived costs nothing yet.

    The notice comes at most `max_billing_delay_days` after the impression, the win as long before it;
    a day the other way is allowed for clocks that disagree.
#}
{% set delay = var('max_billing_delay_days') %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': [
        {'input': 'ad_events.events', 'days_before': 1, 'days_after': 1},
        {'input': 'adserver.impressions'},
        {'input': 'exchange.wins', 'days_before': 1, 'days_after': var('max_billing_delay_days')},
        {'input': 'exchange.billing_notices',
         'days_before': var('max_billing_delay_days'), 'days_after': 1},
    ]}
) }}

with impressions as (
    select * from {{ ref('bv_impressions') }}
    where
        {{ affected_dates('event_date') }}
        and bid_hk is not null
),

wins as (
    select * from {{ ref('nhl_win__exchange') }}
    where {{ affected_dates('event_date', days_before=delay, days_after=1) }}
),

billing_notices as (
    select * from {{ ref('nhl_billing_notice__exchange') }}
    where {{ affected_dates('event_date', days_before=1, days_after=delay) }}
),

bought as (
    select
        impressions.impression_hk,
        impressions.impression_id,
        impressions.bid_hk,
        impressions.event_at,
        impressions.event_date,
        impressions.line_item_hk,
        impressions.creative_hk,
        impressions.exchange,
        impressions.ad_format,
        impressions.country_code,
        impressions.region,
        impressions.device_type,
        wins.win_hk is not null as is_win_known,
        billing_notices.billing_notice_hk is not null as is_billed,
        billing_notices.event_at as billed_at,
        case
            when billing_notices.billing_notice_hk is not null then wins.clearing_price_micros
        end as media_cost_micros,
        case
            when billing_notices.billing_notice_hk is not null then wins.currency_code
        end as media_cost_currency_code
    from impressions
    left join wins
        on
            impressions.bid_hk = wins.bid_hk
            and wins.event_date >= {{ add_days('impressions.event_date', -delay) }}
            and wins.event_date <= {{ add_days('impressions.event_date', 1) }}
    left join billing_notices
        on
            impressions.bid_hk = billing_notices.bid_hk
            and billing_notices.event_date >= {{ add_days('impressions.event_date', -1) }}
            and billing_notices.event_date <= {{ add_days('impressions.event_date', delay) }}
)

select * from bought
