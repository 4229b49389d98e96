-- Debits and credits of each month are equal, to the last decimal.
select
    billing_period,
    sum(debit_base_amount) - sum(credit_base_amount) as difference
from {{ ref('rpt_trial_balance') }}
group by billing_period
having sum(debit_base_amount) <> sum(credit_base_amount)
