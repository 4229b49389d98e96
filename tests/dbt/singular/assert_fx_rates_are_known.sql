-- Every amount has a base amount: a missing rate is an error, never 1. Prices that came without a
-- currency (XXX) cannot have one.
select
    line_item_id,
    advertiser_date,
    currency_code,
    media_cost_amount,
    billed_amount,
    attributed_value_amount
from {{ ref('fct_line_item_billing_daily') }}
where
    currency_code <> 'XXX'
    and (
        media_cost_base_amount is null
        or billed_base_amount is null
        or attributed_value_base_amount is null
    )
