-- Over all dates, because advertiser dates cut the facts elsewhere: the billed events are the
-- facts, and the media cost is the sum of what billed impressions cleared at, to the nano-unit.
with figures as (
    select
        'impressions' as figure,
        count(*) as quantity
    from {{ ref('fct_impressions') }}
    union all
    select
        'clicks' as figure,
        count(*) as quantity
    from {{ ref('fct_clicks') }}
    where click_class <> 'orphan'
    union all
    select
        'media cost nanos' as figure,
        sum(media_cost_micros) as quantity
    from {{ ref('bv_bought_impressions') }}
    union all
    select
        'impressions' as figure,
        -sum(gross_impression_count) as quantity
    from {{ ref('fct_line_item_billing_daily') }}
    union all
    select
        'clicks' as figure,
        -sum(gross_click_count) as quantity
    from {{ ref('fct_line_item_billing_daily') }}
    union all
    select
        'media cost nanos' as figure,
        -cast(sum(media_cost_amount) * 1000000000 as bigint) as quantity
    from {{ ref('fct_line_item_billing_daily') }}
)

select
    figure,
    sum(quantity) as difference
from figures
group by figure
having sum(quantity) <> 0
