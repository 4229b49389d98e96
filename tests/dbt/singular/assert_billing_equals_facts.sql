-- Over all dates, because advertiser dates cut the facts elsewhere: the billed events are the
-- facts, the media cost is the sum of what billed impressions cleared at, to the nano-unit, less
-- the credit notes, and attributed conversions are what the touches are credited with.
with figures as (
    select
        'impressions' as figure,
        cast(count(*) as numeric(38, 9)) as quantity
    from {{ ref('fct_impressions') }}
    union all
    select
        'net impressions' as figure,
        cast(count(*) as numeric(38, 9)) as quantity
    from {{ ref('fct_impressions') }}
    where not is_invalid
    union all
    select
        'net clicks' as figure,
        cast(count(*) as numeric(38, 9)) as quantity
    from {{ ref('fct_clicks') }}
    where click_class = 'net'
    union all
    select
        'media cost' as figure,
        {{ nanos_to_amount('sum(media_cost_micros)') }} as quantity
    from {{ ref('bv_bought_impressions') }}
    union all
    select
        'media cost' as figure,
        cast(-sum(credit_amount) as numeric(38, 9)) as quantity
    from {{ ref('fct_credit_notes') }}
    union all
    select
        'attributed conversions' as figure,
        {{ micros_to_amount('sum(line_item_model_credit)') }} as quantity
    from {{ ref('fct_attribution_touches') }}
    {%- for figure, column in [
        ('impressions', 'gross_impression_count'),
        ('net impressions', 'net_impression_count'),
        ('net clicks', 'net_click_count'),
        ('media cost', 'media_cost_amount'),
        ('attributed conversions', 'attributed_conversion_count'),
    ] %}
    union all
    select
        '{{ figure }}' as figure,
        cast(-sum({{ column }}) as numeric(38, 9)) as quantity
    from {{ ref('fct_line_item_billing_daily') }}
    {%- endfor %}
)

select
    figure,
    sum(quantity) as difference
from figures
group by figure
having sum(quantity) <> 0
