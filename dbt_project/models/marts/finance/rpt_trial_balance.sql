{#
    What is booked in each month as debits and credits in the base currency. What advertisers owe is what
    `fct_billing_periods` says of the month, revenue and cost come from the lines: so the
    balance is zero only while the two agree, which assert_trial_balance_is_zero proves.

    An amount without a rate counts as nothing here; assert_fx_rates_are_known fails on it.
#}
{{ config(materialized='view') }}

with lines as (
    select
        billing_period,
        line_kind,
        coalesce(billed_base_amount, 0) as billed_base_amount,
        coalesce(media_cost_base_amount, 0) as media_cost_base_amount
    from {{ ref('fct_billing_lines') }}
),

entries as (
    select
        billing_period,
        'accounts_receivable' as account,
        line_billed_base_amount + adjustment_billed_base_amount as balance_amount
    from {{ ref('fct_billing_periods') }}
    union all
    select
        billing_period,
        case line_kind when 'line' then 'revenue' else 'revenue_adjustments' end as account,
        -billed_base_amount as balance_amount
    from lines
    union all
    select
        billing_period,
        case line_kind when 'line' then 'media_cost' else 'media_cost_adjustments' end as account,
        media_cost_base_amount as balance_amount
    from lines
    union all
    select
        billing_period,
        'accounts_payable' as account,
        -media_cost_base_amount as balance_amount
    from lines
),

balances as (
    select
        billing_period,
        account,
        cast(sum(balance_amount) as numeric(38, 9)) as balance_base_amount
    from entries
    group by billing_period, account
),

trial_balance as (
    select
        balances.billing_period,
        periods.period_status,
        balances.account,
        '{{ var("base_currency") }}' as base_currency_code,
        cast(greatest(balances.balance_base_amount, 0) as numeric(38, 9)) as debit_base_amount,
        cast(greatest(-balances.balance_base_amount, 0) as numeric(38, 9)) as credit_base_amount,
        balances.balance_base_amount
    from balances
    left join {{ ref('fct_billing_periods') }} as periods
        on balances.billing_period = periods.billing_period
    where balances.balance_base_amount <> 0
)

select * from trial_balance
