{#
    What is owed and what is paid, once: everything that closes, bills or compares money reads this.
    On gross figures until net ones are billed.
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
        gross_billed_amount as billed_amount,
        media_cost_amount,
        gross_billed_base_amount as billed_base_amount,
        media_cost_base_amount,
        gross_margin_base_amount as margin_base_amount
    from {{ ref('fct_line_item_billing_daily') }}
)

select * from spend
