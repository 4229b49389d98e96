{#
    Rates of the sums of a line item's day, all currencies together; spend is the billed amount. A base
    amount that one currency has no rate for is null, and with it what is made of it.
#}
{{ config(materialized='view') }}

{% set counts = ['gross_impression_count', 'net_impression_count', 'net_click_count'] %}
{% set amounts = [
    'billed_base_amount',
    'media_cost_base_amount',
    'margin_base_amount',
    'attributed_value_base_amount',
] %}

with billing as (
    select * from {{ ref('fct_line_item_billing_daily') }}
),

sums as (
    select
        advertiser_date,
        line_item_id,
        campaign_id,
        advertiser_id,
        base_currency_code,
        {%- for count in counts %}
        cast(sum({{ count }}) as bigint) as {{ count }},
        {%- endfor %}
        {%- for amount in amounts %}
        case
            when count({{ amount }}) = count(*) then cast(sum({{ amount }}) as numeric(38, 9))
        end as {{ amount }},
        {%- endfor %}
        cast(sum(attributed_conversion_count) as numeric(38, 9)) as attributed_conversion_count
    from billing
    group by advertiser_date, line_item_id, campaign_id, advertiser_id, base_currency_code
),

margins as (
    select
        sums.advertiser_date,
        sums.line_item_id,
        sums.campaign_id,
        sums.advertiser_id,
        sums.base_currency_code,
        sums.gross_impression_count,
        sums.net_impression_count,
        sums.net_click_count,
        sums.attributed_conversion_count,
        sums.billed_base_amount,
        sums.media_cost_base_amount,
        sums.margin_base_amount,
        sums.attributed_value_base_amount,
        {{ rate('sums.margin_base_amount', 'sums.billed_base_amount') }} as margin_rate,
        {{ rate('sums.billed_base_amount * 1000', 'sums.net_impression_count') }}
            as ecpm_base_amount,
        {{ rate('sums.billed_base_amount', 'sums.net_click_count') }} as ecpc_base_amount,
        {{ rate('sums.billed_base_amount', 'sums.attributed_conversion_count') }}
            as cpa_base_amount,
        {{ rate('sums.attributed_value_base_amount', 'sums.billed_base_amount') }} as roas_rate
    from sums
)

select * from margins
