{#
    What is owed and what is paid, once: everything that closes, bills or compares money reads this.
#}
{{ config(materialized='view') }}

with spend as (
    select
        advertiser_date,
        line_item_id,
        campaign_id,
        advertiser_id,
        currency_code,
        base_currency_code,
        billed_amount,
        media_cost_amount,
        billed_base_amount,
        media_cost_base_amount,
        margin_base_amount
    from {{ ref('fct_line_item_billing_daily') }}
)

select * from spend
