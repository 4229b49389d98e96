-- On the dates that this build touches: the report's columns add up to the facts. Everywhere: gross
-- clicks are the sum of their classes, gross impressions are net and invalid ones.
{%- set delivery = ['ad_events.events', 'adserver.impressions', 'adserver.clicks'] %}
with figures as (
    select
        event_date,
        case when is_invalid then 'impressions invalid' else 'impressions net' end as figure,
        count(*) as quantity
    from {{ ref('fct_impressions') }}
    where {{ touched_dates(delivery) }}
    group by event_date, case when is_invalid then 'impressions invalid' else 'impressions net' end
    union all
    select
        event_date,
        concat('clicks ', click_class) as figure,
        count(*) as quantity
    from {{ ref('fct_clicks') }}
    where {{ touched_dates(delivery) }}
    group by event_date, concat('clicks ', click_class)
    union all
    select
        event_date,
        'conversions' as figure,
        count(*) as quantity
    from {{ ref('fct_conversions') }}
    where {{ touched_dates(delivery + ['adserver.conversions']) }}
    group by event_date
    {%- for figure, column, inputs in [
        ('impressions invalid', 'invalid_impression_count', delivery),
        ('impressions net', 'net_impression_count', delivery),
        ('clicks orphan', 'orphan_click_count', delivery),
        ('clicks invalid', 'invalid_click_count', delivery),
        ('clicks repeat', 'repeat_click_count', delivery),
        ('clicks net', 'net_click_count', delivery),
        ('conversions', 'conversion_count', delivery + ['adserver.conversions']),
    ] %}
    union all
    select
        event_date,
        '{{ figure }}' as figure,
        -sum({{ column }}) as quantity
    from {{ ref('rpt_campaign_performance_daily') }}
    where {{ touched_dates(inputs) }}
    group by event_date
    {%- endfor %}
    union all
    select
        event_date,
        'clicks by class' as figure,
        sum(
            gross_click_count - orphan_click_count - invalid_click_count - repeat_click_count
            - net_click_count
        ) as quantity
    from {{ ref('rpt_campaign_performance_daily') }}
    group by event_date
    union all
    select
        event_date,
        'impressions by validity' as figure,
        sum(gross_impression_count - invalid_impression_count - net_impression_count) as quantity
    from {{ ref('rpt_campaign_performance_daily') }}
    group by event_date
)

select
    event_date,
    figure,
    sum(quantity) as difference
from figures
group by event_date, figure
having sum(quantity) <> 0
