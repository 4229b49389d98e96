{{ config(materialized='view') }}

with frozen_lines as (
    select
        close_id,
        line_number,
        period as billing_period,
        kind as line_kind,
        line_item_id,
        campaign_id,
        advertiser_id,
        advertiser_date,
        currency_code,
        base_currency_code,
        billed_amount,
        billed_base_amount,
        media_cost_amount,
        media_cost_base_amount
    from {{ source('ops', 'frozen_lines') }}
)

select * from frozen_lines
