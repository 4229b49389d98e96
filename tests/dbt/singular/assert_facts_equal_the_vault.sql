-- On the dates that this build touches: the facts' rows and sums are the vault's, and no key of an
-- event link is missing from its fact, unless another source loaded it first, days away.
{%- set click_classes =
    "sum(case click_class when 'orphan' then 1 when 'repeat' then 1000000"
    " when 'invalid' then 1000000000000 else 0 end)" %}
{%- set facts = [
    ('fct_impressions', 'bv_impressions', ['ad_events.events', 'adserver.impressions'],
     'sum(clearing_price_micros)', 'sum(clearing_price_micros)'),
    ('fct_clicks', 'bv_clicks', ['ad_events.events', 'adserver.clicks'],
     'count(line_item_key)', 'count(line_item_hk)'),
    ('fct_clicks', 'bv_click_classes', ['ad_events.events', 'adserver.clicks'],
     click_classes, click_classes),
    ('fct_conversions', 'nhl_conversion__adserver', 'adserver.conversions',
     'cast(sum(conversion_value_amount * 1000000) as bigint)',
     'cast(sum(conversion_value * 1000000) as bigint)'),
    ('fct_user_actions', 'nhl_user_action__user_events', 'user_events.events',
     'count(user_key)', 'count(user_hk)'),
    ('fct_auction_imps', 'bv_auction_imps', 'exchange.bid_requests',
     'count(user_key)', 'count(user_hk)'),
    ('fct_bids', 'nhl_bid__exchange', 'exchange.bids',
     'sum(bid_price_micros)', 'sum(bid_price_micros)'),
    ('fct_wins', 'nhl_win__exchange', 'exchange.wins',
     'sum(clearing_price_micros)', 'sum(clearing_price_micros)'),
    ('fct_billing_notices', 'nhl_billing_notice__exchange', 'exchange.billing_notices',
     'count(bid_key)', 'count(bid_hk)'),
] %}

with sums as (
    {%- for fact, vault, inputs, fact_amount, vault_amount in facts %}
    {%- for relation, amount, side in [(fact, fact_amount, 1), (vault, vault_amount, -1)] %}
    select
        '{{ fact }}' as fact,
        event_date,
        count(*) as row_count,
        {{ amount }} as amount,
        {{ side }} as side
    from {{ ref(relation) }}
    where {{ touched_dates(inputs) }}
    group by event_date
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
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
                and {{ touched_dates(input, 'conflicts.event_date') }}
                and conflicts.first_source_table <> conflicts.source_table
        )
    group by vault.event_date
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from differences
union all
select * from missing_keys
