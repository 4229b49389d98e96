-- On the dates that this build touches: the facts' rows and sums are the vault's, and no key of an
-- event link is missing from its fact, unless another source loaded it first, days away.
with sums as (
    select
        'fct_impressions' as fact,
        event_date,
        count(*) as row_count,
        sum(clearing_price_micros) as amount,
        1 as side
    from {{ ref('fct_impressions') }}
    where {{ touched_dates(['ad_events.events', 'adserver.impressions']) }}
    group by event_date
    union all
    select
        'fct_impressions' as fact,
        event_date,
        count(*) as row_count,
        sum(clearing_price_micros) as amount,
        -1 as side
    from {{ ref('bv_impressions') }}
    where {{ touched_dates(['ad_events.events', 'adserver.impressions']) }}
    group by event_date
    union all
    select
        'fct_clicks' as fact,
        event_date,
        count(*) as row_count,
        sum(case click_class when 'orphan' then 1 when 'repeat' then 1000000 else 0 end) as amount,
        1 as side
    from {{ ref('fct_clicks') }}
    where {{ touched_dates(['ad_events.events', 'adserver.clicks']) }}
    group by event_date
    union all
    select
        'fct_clicks' as fact,
        event_date,
        count(*) as row_count,
        sum(case click_class when 'orphan' then 1 when 'repeat' then 1000000 else 0 end) as amount,
        -1 as side
    from {{ ref('bv_clicks') }}
    where {{ touched_dates(['ad_events.events', 'adserver.clicks']) }}
    group by event_date
    union all
    select
        'fct_conversions' as fact,
        event_date,
        count(*) as row_count,
        cast(sum(conversion_value_amount * 1000000) as bigint) as amount,
        1 as side
    from {{ ref('fct_conversions') }}
    where {{ touched_dates('adserver.conversions') }}
    group by event_date
    union all
    select
        'fct_conversions' as fact,
        event_date,
        count(*) as row_count,
        cast(sum(conversion_value * 1000000) as bigint) as amount,
        -1 as side
    from {{ ref('nhl_conversion__adserver') }}
    where {{ touched_dates('adserver.conversions') }}
    group by event_date
    union all
    select
        'fct_user_actions' as fact,
        event_date,
        count(*) as row_count,
        count(user_key) as amount,
        1 as side
    from {{ ref('fct_user_actions') }}
    where {{ touched_dates('user_events.events') }}
    group by event_date
    union all
    select
        'fct_user_actions' as fact,
        event_date,
        count(*) as row_count,
        count(user_hk) as amount,
        -1 as side
    from {{ ref('nhl_user_action__user_events') }}
    where {{ touched_dates('user_events.events') }}
    group by event_date
    union all
    select
        'fct_auction_imps' as fact,
        event_date,
        count(*) as row_count,
        count(user_key) as amount,
        1 as side
    from {{ ref('fct_auction_imps') }}
    where {{ touched_dates('exchange.bid_requests') }}
    group by event_date
    union all
    select
        'fct_auction_imps' as fact,
        event_date,
        count(*) as row_count,
        count(user_hk) as amount,
        -1 as side
    from {{ ref('bv_auction_imps') }}
    where {{ touched_dates('exchange.bid_requests') }}
    group by event_date
    union all
    select
        'fct_bids' as fact,
        event_date,
        count(*) as row_count,
        sum(bid_price_micros) as amount,
        1 as side
    from {{ ref('fct_bids') }}
    where {{ touched_dates('exchange.bids') }}
    group by event_date
    union all
    select
        'fct_bids' as fact,
        event_date,
        count(*) as row_count,
        sum(bid_price_micros) as amount,
        -1 as side
    from {{ ref('nhl_bid__exchange') }}
    where {{ touched_dates('exchange.bids') }}
    group by event_date
    union all
    select
        'fct_wins' as fact,
        event_date,
        count(*) as row_count,
        sum(clearing_price_micros) as amount,
        1 as side
    from {{ ref('fct_wins') }}
    where {{ touched_dates('exchange.wins') }}
    group by event_date
    union all
    select
        'fct_wins' as fact,
        event_date,
        count(*) as row_count,
        sum(clearing_price_micros) as amount,
        -1 as side
    from {{ ref('nhl_win__exchange') }}
    where {{ touched_dates('exchange.wins') }}
    group by event_date
    union all
    select
        'fct_billing_notices' as fact,
        event_date,
        count(*) as row_count,
        count(bid_key) as amount,
        1 as side
    from {{ ref('fct_billing_notices') }}
    where {{ touched_dates('exchange.billing_notices') }}
    group by event_date
    union all
    select
        'fct_billing_notices' as fact,
        event_date,
        count(*) as row_count,
        count(bid_hk) as amount,
        -1 as side
    from {{ ref('nhl_billing_notice__exchange') }}
    where {{ touched_dates('exchange.billing_notices') }}
    group by event_date
),

differences as (
    select
        fact,
        event_date,
        sum(side * row_count) as row_difference,
        sum(side * coalesce(amount, 0)) as amount_difference
    from sums
    group by fact, event_date
    having sum(side * row_count) <> 0 or sum(side * coalesce(amount, 0)) <> 0
),

missing_keys as (
    {%- for link, input, key, fact in [
        ('nhl_impression__ad_events', 'ad_events.events', 'impression', 'fct_impressions'),
        ('nhl_impression__adserver', 'adserver.impressions', 'impression', 'fct_impressions'),
        ('nhl_click__ad_events', 'ad_events.events', 'click', 'fct_clicks'),
        ('nhl_click__adserver', 'adserver.clicks', 'click', 'fct_clicks'),
    ] %}
    select
        '{{ link }}' as fact,
        vault.event_date,
        count(*) as row_difference,
        0 as amount_difference
    from {{ ref(link) }} as vault
    where
        {{ touched_dates(input, 'vault.event_date') }}
        and {{ hash_to_text('vault.' ~ key ~ '_hk') }} not in (
            select facts.{{ key }}_key
            from {{ ref(fact) }} as facts
            where {{ touched_dates(input, 'facts.event_date', days_before=1, days_after=1) }}
        )
        and vault.{{ key }}_hk not in (
            select conflicts.event_hk
            from {{ ref('bv_id_conflicts') }} as conflicts
            where
                conflicts.source_table = '{{ input }}'
                and conflicts.first_source_table <> conflicts.source_table
        )
    group by vault.event_date
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from differences
union all
select * from missing_keys
