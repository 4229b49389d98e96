-- The cells of a map add up to the regions that they lie in, date by date.
with figures as (
    select
        event_date,
        country_code,
        region,
        gross_impression_count,
        net_impression_count,
        gross_click_count,
        net_click_count
    from {{ ref('rpt_geography_daily') }}
    union all
    select
        event_date,
        country_code,
        region,
        -gross_impression_count as gross_impression_count,
        -net_impression_count as net_impression_count,
        -gross_click_count as gross_click_count,
        -net_click_count as net_click_count
    from {{ ref('rpt_region_performance_daily') }}
)

select
    event_date,
    country_code,
    region
from figures
group by event_date, country_code, region
having
    sum(gross_impression_count) <> 0
    or sum(net_impression_count) <> 0
    or sum(gross_click_count) <> 0
    or sum(net_click_count) <> 0
