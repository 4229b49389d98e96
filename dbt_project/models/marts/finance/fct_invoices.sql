{{ config(materialized='view') }}

with invoices as (
    select
        invoice_key,
        billing_period,
        advertiser_id,
        currency_code,
        invoice_status,
        cast(count(*) as bigint) as line_count,
        cast(sum(case when line_kind = 'line' then line_amount else 0 end) as numeric(38, 9))
            as lines_amount,
        cast(sum(case when line_kind = 'adjustment' then line_amount else 0 end) as numeric(38, 9))
            as adjustments_amount,
        cast(sum(line_amount) as numeric(38, 9)) as invoice_amount,
        cast(sum(line_amount) - sum(exact_amount) as numeric(38, 9)) as rounding_amount
    from {{ ref('fct_invoice_lines') }}
    group by invoice_key, billing_period, advertiser_id, currency_code, invoice_status
)

select * from invoices
