{#
    What every line item costs and bills (media cost, spend, margin), and what it is
    measured by. Three parts, added up: fct_delivery_billing_daily, fct_conversion_billing_daily, and
    fct_credit_notes, which lower the media cost. Each is rebuilt on the dates that its own inputs
    change, so that a late touch, which restates a month of conversions, restates no delivery.

    Every part converts its own sums (a credit note is converted by itself); base amounts are sums of
    those, and null where one of them has no rate.
#}
{% set base = "'" ~ var('base_currency') ~ "'" %}
{{ config(materialized='view') }}

{% set grain = [
    'advertiser_date',
    'line_item_key',
    'line_item_id',
    'campaign_key',
    'campaign_id',
    'advertiser_key',
    'advertiser_id',
    'currency_code',
] %}
{% set counts = ['gross_impression_count', 'net_impression_count', 'net_click_count'] %}
{% set parts = {
    'delivery': ['cpm_billed', 'cpc_billed', 'gross_media_cost'],
    'conversions': ['cpa_billed', 'attributed_value'],
    'credit_notes': ['credit'],
} %}
{% set measures = parts.values() | sum(start=[]) %}
{% set zero = 'cast(0 as numeric(38, 9))' %}

with delivery as (
    select * from {{ ref('fct_delivery_billing_daily') }}
),

conversions as (
    select * from {{ ref('fct_conversion_billing_daily') }}
),

credit_notes as (
    select * from {{ ref('fct_credit_notes') }}
),

amounts as (
    {%- for part, own_measures in parts.items() %}
    select
        {%- for column in grain %}
        {{ column }},
        {%- endfor %}
        {%- for count in counts %}
        {{ count if part == 'delivery' else 0 }} as {{ count }},
        {%- endfor %}
        {{ 'attributed_conversion_count' if part == 'conversions' else zero }}
            as attributed_conversion_count,
        {%- for measure in measures %}
        {%- for amount in (measure ~ '_amount', measure ~ '_base_amount') %}
        {{ amount if measure in own_measures else zero }} as {{ amount }},
        {%- endfor %}
        {%- endfor %}
        conversion_path
    from {{ part }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

sums as (
    select
        {%- for column in grain %}
        {{ column }},
        {%- endfor %}
        {%- for count in counts %}
        cast(sum({{ count }}) as bigint) as {{ count }},
        {%- endfor %}
        cast(sum(attributed_conversion_count) as numeric(38, 9)) as attributed_conversion_count,
        {%- for measure in measures %}
        cast(sum({{ measure }}_amount) as numeric(38, 9)) as {{ measure }}_amount,
        case
            when count({{ measure }}_base_amount) = count(*)
                then cast(sum({{ measure }}_base_amount) as numeric(38, 9))
        end as {{ measure }}_base_amount,
        {%- endfor %}
        max(conversion_path) as conversion_path
    from amounts
    group by {{ grain | join(', ') }}
),

net_amounts as (
    select
        sums.*,
        cast(
            sums.cpm_billed_amount + sums.cpc_billed_amount + sums.cpa_billed_amount
            as numeric(38, 9)
        ) as billed_amount,
        cast(sums.gross_media_cost_amount - sums.credit_amount as numeric(38, 9))
            as media_cost_amount,
        cast(
            sums.cpm_billed_base_amount + sums.cpc_billed_base_amount + sums.cpa_billed_base_amount
            as numeric(38, 9)
        ) as billed_base_amount,
        cast(sums.gross_media_cost_base_amount - sums.credit_base_amount as numeric(38, 9))
            as media_cost_base_amount
    from sums
),

billing as (
    select
        {{ hash_to_text(hashdiff([
            'net_amounts.line_item_key', 'net_amounts.campaign_key',
            'net_amounts.advertiser_key', 'net_amounts.advertiser_date:date',
            'net_amounts.currency_code',
        ])) }} as line_item_billing_key,
        net_amounts.advertiser_date,
        net_amounts.line_item_key,
        net_amounts.line_item_id,
        net_amounts.campaign_key,
        net_amounts.campaign_id,
        net_amounts.advertiser_key,
        net_amounts.advertiser_id,
        net_amounts.currency_code,
        net_amounts.gross_impression_count,
        net_amounts.net_impression_count,
        net_amounts.net_click_count,
        net_amounts.attributed_conversion_count,
        net_amounts.cpm_billed_amount,
        net_amounts.cpc_billed_amount,
        net_amounts.cpa_billed_amount,
        net_amounts.billed_amount,
        net_amounts.gross_media_cost_amount,
        net_amounts.credit_amount,
        net_amounts.media_cost_amount,
        net_amounts.attributed_value_amount,
        {{ base }} as base_currency_code,
        net_amounts.conversion_path,
        net_amounts.cpm_billed_base_amount,
        net_amounts.cpc_billed_base_amount,
        net_amounts.cpa_billed_base_amount,
        net_amounts.billed_base_amount,
        net_amounts.gross_media_cost_base_amount,
        net_amounts.credit_base_amount,
        net_amounts.media_cost_base_amount,
        net_amounts.attributed_value_base_amount,
        cast(
            net_amounts.billed_base_amount - net_amounts.media_cost_base_amount
            as numeric(38, 9)
        ) as margin_base_amount
    from net_amounts
)

select * from billing
