-- All that was frozen and what is to be adjusted is the truth of now about the closed months, by
-- currency: natively, and in the base currency where a rate is known.
with closed as (
    select max(period_end_date) as closed_to_date
    from {{ ref('fct_billing_periods') }}
    where period_status = 'closed'
),

figures as (
    select
        currency_code,
        billed_amount,
        media_cost_amount,
        coalesce(billed_base_amount, 0) as billed_base_amount,
        coalesce(media_cost_base_amount, 0) as media_cost_base_amount
    from {{ ref('fct_frozen_lines') }}
    union all
    select
        currency_code,
        billed_amount,
        media_cost_amount,
        billed_base_amount,
        media_cost_base_amount
    from {{ ref('fct_billing_adjustments') }}
    union all
    select
        spend.currency_code,
        -spend.billed_amount as billed_amount,
        -spend.media_cost_amount as media_cost_amount,
        -coalesce(spend.billed_base_amount, 0) as billed_base_amount,
        -coalesce(spend.media_cost_base_amount, 0) as media_cost_base_amount
    from {{ ref('fct_line_item_spend_daily') }} as spend
    inner join closed
        on spend.advertiser_date < closed.closed_to_date
)

select
    currency_code,
    sum(billed_amount) as billed_difference,
    sum(media_cost_amount) as media_cost_difference,
    sum(billed_base_amount) as billed_base_difference,
    sum(media_cost_base_amount) as media_cost_base_difference
from figures
group by currency_code
having
    sum(billed_amount) <> 0
    or sum(media_cost_amount) <> 0
    or sum(billed_base_amount) <> 0
    or sum(media_cost_base_amount) <> 0
