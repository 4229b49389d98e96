{{ config(materialized='view') }}

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
        cast(sum(gross_impression_count) as bigint) as gross_impression_count,
        cast(sum(gross_click_count) as bigint) as gross_click_count,
        cast(sum(media_cost_base_amount) as numeric(38, 9)) as media_cost_base_amount,
        cast(sum(gross_billed_base_amount) as numeric(38, 9)) as gross_billed_base_amount,
        cast(sum(gross_margin_base_amount) as numeric(38, 9)) as gross_margin_base_amount
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
        sums.gross_click_count,
        sums.media_cost_base_amount,
        sums.gross_billed_base_amount,
        sums.gross_margin_base_amount,
        {{ rate('sums.gross_margin_base_amount', 'sums.gross_billed_base_amount') }}
            as gross_margin_rate,
        {{ rate('sums.gross_billed_base_amount * 1000', 'sums.gross_impression_count') }}
            as gross_ecpm_base_amount
    from sums
)

select * from margins
