{#
    Over all dates, on purpose: a delivery whose time is days away from the first one's is not found
    among the dates of its own build. Such a build is not published, because an event would count
    twice. A full refresh puts those of one source right: there the first delivery wins.
#}
{%- for fact, key in [
    ('fct_impressions', 'impression_key'),
    ('fct_clicks', 'click_key'),
    ('fct_conversions', 'conversion_key'),
    ('fct_user_actions', 'user_action_key'),
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
