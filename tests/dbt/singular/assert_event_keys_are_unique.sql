{#
    The proof that the lookup of earlier deliveries (bv_id_conflicts) missed none; once a day over all
    dates, on purpose. A build that fails it is not published, because an event would count twice; then
    two deliveries of a key lie further apart than `id_conflict_lookback_days` (ADR 0014). The same
    of two tables of the business vault that grow by key.
#}
{%- for relation, key, inputs in [
    ('fct_impressions', 'impression_key', ['ad_events.events', 'adserver.impressions']),
    ('fct_clicks', 'click_key', ['ad_events.events', 'adserver.clicks']),
    ('fct_conversions', 'conversion_key', ['adserver.conversions']),
    ('fct_user_actions', 'user_action_key', ['user_events.events']),
    ('fct_auction_imps', 'auction_imp_key', ['exchange.bid_requests']),
    ('fct_bids', 'bid_key', ['exchange.bids']),
    ('fct_wins', 'bid_key', ['exchange.wins']),
    ('fct_billing_notices', 'bid_key', ['exchange.billing_notices']),
    ('bv_id_conflicts', 'delivery_hk', event_deliveries() | map(attribute='input') | unique | list),
    ('bv_audience_members', 'audience_member_hk', ['exchange.bid_requests']),
] %}
{{ 'union all' if not loop.first }}
select
    '{{ relation }}' as relation,
    {{ hash_to_text(key) if key.endswith('_hk') else key }} as event_key,
    min(event_date) as first_date,
    max(event_date) as last_date
from {{ ref(relation) }}
where {{ proved_dates(inputs) }}
group by {{ key }}
having count(*) > 1
{%- endfor %}
