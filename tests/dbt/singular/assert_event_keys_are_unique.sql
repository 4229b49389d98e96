{#
    Over all dates, on purpose: the proof that the lookup of earlier deliveries (bv_id_conflicts) missed
    none. A build that fails it is not published, because an event would count twice; then two
    deliveries of a key lie further apart than `id_conflict_lookback_days`.
#}
{%- for fact, key in [
    ('fct_impressions', 'impression_key'),
    ('fct_clicks', 'click_key'),
    ('fct_conversions', 'conversion_key'),
    ('fct_user_actions', 'user_action_key'),
    ('fct_auction_imps', 'auction_imp_key'),
    ('fct_bids', 'bid_key'),
    ('fct_wins', 'bid_key'),
    ('fct_billing_notices', 'bid_key'),
] %}
{{ 'union all' if not loop.first }}
select
    '{{ fact }}' as fact,
    {{ key }} as event_key,
    min(event_date) as first_date,
    max(event_date) as last_date
from {{ ref(fact) }}
group by {{ key }}
having count(*) > 1
{%- endfor %}
