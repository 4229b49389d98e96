{#
    The verdict on an impression that a bid bought: billed, if the exchange sent a billing notice for the
    bid. Then it costs what the auction cleared at, as the win says (what stream or file say of the price
    is not asked). A notice whose win has not arrived costs nothing yet.

    The notice comes at most `max_billing_delay_days` after the impression, the win as long before it;
    a day the other way is allowed for clocks that disagree. A notice bills one impression: should two
    claim its bid, it is the first, which may lie `max_billing_delay_days` + 1 before the other.
#}
{% set delay = var('max_billing_delay_days') %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': [
        {'input': 'ad_events.events',
         'days_before': 1, 'days_after': var('max_billing_delay_days') + 2},
        {'input': 'adserver.impressions', 'days_after': var('max_billing_delay_days') + 1},
        {'input': 'exchange.wins', 'days_before': 1, 'days_after': var('max_billing_delay_days')},
        {'input': 'exchange.billing_notices',
         'days_before': var('max_billing_delay_days'), 'days_after': 1},
    ]}
) }}

with impressions as (
    select * from {{ ref('bv_impressions') }}
    where
        {{ affected_dates('event_date', days_before=delay + 1) }}
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

billed as (
    select
        impressions.impression_hk,
        billing_notices.event_at as billed_at
    from billing_notices
    inner join impressions
        on
            billing_notices.bid_hk = impressions.bid_hk
            and impressions.event_date >= {{ add_days('billing_notices.event_date', -delay) }}
            and impressions.event_date <= {{ add_days('billing_notices.event_date', 1) }}
    qualify row_number() over (
        partition by billing_notices.billing_notice_hk
        order by impressions.event_at, impressions.impression_id
    ) = 1
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
        billed.impression_hk is not null as is_billed,
        billed.billed_at,
        case when billed.impression_hk is not null then wins.clearing_price_micros end
            as media_cost_micros,
        case when billed.impression_hk is not null then wins.currency_code end
            as media_cost_currency_code
    from impressions
    left join wins
        on
            impressions.bid_hk = wins.bid_hk
            and wins.event_date >= {{ add_days('impressions.event_date', -delay) }}
            and wins.event_date <= {{ add_days('impressions.event_date', 1) }}
    left join billed
        on impressions.impression_hk = billed.impression_hk
    where {{ affected_dates('impressions.event_date') }}
)

select * from bought
