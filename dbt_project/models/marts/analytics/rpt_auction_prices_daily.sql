{#
    Prices as amounts of one impression (CPM / 1000), bids on their date and wins on theirs. Only a won
    bid in the currency that the auction cleared in can be compared with its clearing price.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': [
        {'input': 'exchange.bids', 'days_before': 1, 'days_after': var('max_billing_delay_days')},
        {'input': 'exchange.wins'},
    ]}
) }}

with prices as (
    select
        event_date,
        exchange,
        line_item_key,
        currency_code,
        1 as bid_count,
        bid_price_micros as bid_nanos,
        0 as win_count,
        0 as clearing_nanos,
        0 as compared_bid_nanos,
        0 as compared_clearing_nanos
    from {{ ref('fct_bids') }}
    where {{ affected_dates('event_date') }}
    union all
    select
        event_date,
        exchange,
        line_item_key,
        currency_code,
        0 as bid_count,
        0 as bid_nanos,
        1 as win_count,
        clearing_price_micros as clearing_nanos,
        case when bid_currency_code = currency_code then bid_price_micros else 0 end
            as compared_bid_nanos,
        case when bid_currency_code = currency_code then clearing_price_micros else 0 end
            as compared_clearing_nanos
    from {{ ref('fct_wins') }}
    where {{ affected_dates('event_date') }}
),

sums as (
    select
        event_date,
        exchange,
        line_item_key,
        currency_code,
        cast(sum(bid_count) as bigint) as bid_count,
        {{ nanos_to_amount('sum(bid_nanos)') }} as bid_price_amount,
        cast(sum(win_count) as bigint) as win_count,
        {{ nanos_to_amount('sum(clearing_nanos)') }} as clearing_price_amount,
        {{ nanos_to_amount('sum(compared_bid_nanos)') }} as compared_bid_price_amount,
        {{ nanos_to_amount('sum(compared_clearing_nanos)') }} as compared_clearing_price_amount
    from prices
    group by event_date, exchange, line_item_key, currency_code
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'sums.event_date:date', 'sums.exchange', 'sums.line_item_key', 'sums.currency_code',
        ])) }} as auction_prices_key,
        sums.event_date,
        sums.exchange,
        sums.line_item_key,
        line_items.line_item_id,
        sums.currency_code,
        sums.bid_count,
        sums.bid_price_amount,
        sums.win_count,
        sums.clearing_price_amount,
        sums.compared_bid_price_amount,
        sums.compared_clearing_price_amount,
        {{ rate('sums.compared_clearing_price_amount', 'sums.compared_bid_price_amount') }}
            as price_ratio_rate
    from sums
    left join {{ ref('dim_line_items') }} as line_items
        on sums.line_item_key = line_items.line_item_key and line_items.is_current
)

select * from report
