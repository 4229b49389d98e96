-- On the dates that this build touches: the report's primary reasons add up to the invalid
-- impressions and clicks of the facts, and no primary reason holds more often than any.
{%- set delivery = ['ad_events.events', 'adserver.impressions', 'adserver.clicks'] %}
with figures as (
    select
        event_date,
        'impressions' as figure,
        count(*) as quantity
    from {{ ref('fct_impressions') }}
    where
        {{ touched_dates(delivery) }}
        and is_invalid
    group by event_date
    union all
    select
        event_date,
        'clicks' as figure,
        count(*) as quantity
    from {{ ref('fct_clicks') }}
    where
        {{ touched_dates(delivery) }}
        and click_class = 'invalid'
    group by event_date
    {%- for figure, column in [('impressions', 'impression_count'), ('clicks', 'click_count')] %}
    union all
    select
        event_date,
        '{{ figure }}' as figure,
        -sum({{ column }}) as quantity
    from {{ ref('rpt_invalid_traffic_daily') }}
    where {{ touched_dates(delivery) }}
    group by event_date
    union all
    select
        event_date,
        '{{ figure }} by primary reason' as figure,
        count(*) as quantity
    from {{ ref('rpt_invalid_traffic_daily') }}
    where {{ column }} > any_reason_{{ column }}
    group by event_date
    {%- endfor %}
)

select
    event_date,
    figure,
    sum(quantity) as difference
from figures
group by event_date, figure
having sum(quantity) <> 0
