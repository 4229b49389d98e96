{{ config(materialized='view') }}

with billing_periods as (
    select
        period as billing_period,
        close_id,
        build_id,
        pin,
        cast(closed_at as timestamp) as closed_at,
        line_count,
        adjustment_count
    from {{ source('ops', 'billing_periods') }}
    where status = 'closed'
)

select * from billing_periods
