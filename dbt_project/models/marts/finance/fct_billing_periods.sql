{#
    A month is open until finance closes it (`adx finance close`), which freezes its lines and the
    adjustments that are booked in it. Months close in order: one that had nothing to bill when a
    later one closed is closed with it, without a close of its own. The month after the last closed one
    is here, too, if anything is booked in it.
#}
with spend as (
    select
        substr(cast(advertiser_date as string), 1, 7) as billing_period,
        cast(count(*) as bigint) as line_count,
        cast(sum(billed_base_amount) as numeric(38, 9)) as billed_base_amount
    from {{ ref('fct_line_item_spend_daily') }}
    group by substr(cast(advertiser_date as string), 1, 7)
),

adjustments as (
    select
        billing_period,
        cast(count(*) as bigint) as adjustment_count,
        cast(sum(billed_base_amount) as numeric(38, 9)) as billed_base_amount
    from {{ ref('fct_billing_adjustments') }}
    group by billing_period
),

frozen as (
    select
        billing_period,
        cast(sum(case when line_kind = 'line' then billed_base_amount else 0 end) as numeric(38, 9))
            as line_base_amount,
        cast(
            sum(case when line_kind = 'adjustment' then billed_base_amount else 0 end)
            as numeric(38, 9)
        ) as adjustment_base_amount
    from {{ ref('fct_frozen_lines') }}
    group by billing_period
),

months as (
    select billing_period from spend
    union distinct
    select billing_period from adjustments
    union distinct
    select billing_period from {{ ref('bv_billing_periods') }}
),

closed as (
    select max(closed_to_date) as closed_to_date
    from {{ ref('bv_billing_periods') }}
),

month_states as (
    select
        months.billing_period,
        {{ safe_date("months.billing_period || '-01'") }} as period_start_date,
        coalesce({{ safe_date("months.billing_period || '-01'") }} < closed.closed_to_date, false)
            as is_closed
    from months
    cross join closed
),

billing_periods as (
    select
        month_states.billing_period,
        month_states.period_start_date,
        {{ add_months('month_states.period_start_date', 1) }} as period_end_date,
        case when month_states.is_closed then 'closed' else 'open' end as period_status,
        closes.closed_at,
        closes.build_id as closed_build_id,
        case
            when month_states.is_closed then coalesce(closes.line_count, 0)
            else coalesce(spend.line_count, 0)
        end as line_count,
        case
            when month_states.is_closed then coalesce(closes.adjustment_count, 0)
            else coalesce(adjustments.adjustment_count, 0)
        end as adjustment_count,
        case
            when month_states.is_closed then coalesce(frozen.line_base_amount, 0)
            else coalesce(spend.billed_base_amount, 0)
        end as line_billed_base_amount,
        case
            when month_states.is_closed then coalesce(frozen.adjustment_base_amount, 0)
            else coalesce(adjustments.billed_base_amount, 0)
        end as adjustment_billed_base_amount
    from month_states
    left join spend on month_states.billing_period = spend.billing_period
    left join adjustments on month_states.billing_period = adjustments.billing_period
    left join frozen on month_states.billing_period = frozen.billing_period
    left join {{ ref('bv_billing_periods') }} as closes
        on month_states.billing_period = closes.billing_period
)

select * from billing_periods
