{#
    The ledger that invoices and the trial balance read: what is booked in each month. A closed month is
    what was frozen; an open one is the lines of now, with the adjustments of earlier months in the month
    after the last closed one.
#}
{{ config(materialized='view') }}

with closed as (
    select max(period_end_date) as closed_to_date
    from {{ ref('fct_billing_periods') }}
    where period_status = 'closed'
),

lines as (
    select
        billing_period,
        'closed' as period_status,
        line_kind,
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
    from {{ ref('fct_frozen_lines') }}
    union all
    select
        substr(cast(spend.advertiser_date as string), 1, 7) as billing_period,
        'open' as period_status,
        'line' as line_kind,
        spend.line_item_id,
        spend.campaign_id,
        spend.advertiser_id,
        spend.advertiser_date,
        spend.currency_code,
        spend.base_currency_code,
        spend.billed_amount,
        spend.billed_base_amount,
        spend.media_cost_amount,
        spend.media_cost_base_amount
    from {{ ref('fct_line_item_spend_daily') }} as spend
    cross join closed
    where
        closed.closed_to_date is null
        or spend.advertiser_date >= closed.closed_to_date
    union all
    select
        billing_period,
        'open' as period_status,
        'adjustment' as line_kind,
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
    from {{ ref('fct_billing_adjustments') }}
)

select * from lines
