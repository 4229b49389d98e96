{#
    The months that finance closed. They close in order, so everything before `closed_to_date` of
    the last one counts as closed, also a month in which nothing was billed.
#}
{{ config(materialized='view') }}

with periods as (
    select
        billing_period,
        {{ safe_date("billing_period || '-01'") }} as period_start_date,
        close_id,
        build_id,
        pin,
        closed_at,
        line_count,
        adjustment_count
    from {{ ref('stg_ops__billing_periods') }}
),

billing_periods as (
    select
        billing_period,
        period_start_date,
        {{ add_months('period_start_date', 1) }} as closed_to_date,
        close_id,
        build_id,
        pin,
        closed_at,
        line_count,
        adjustment_count
    from periods
)

select * from billing_periods
