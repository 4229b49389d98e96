-- Every amount that is booked is on an invoice line, and no line is rounded by more than half of
-- the minor unit of its currency.
with booked as (
    select
        billing_period,
        advertiser_id,
        currency_code,
        billed_amount as amount
    from {{ ref('fct_billing_lines') }}
    union all
    select
        billing_period,
        advertiser_id,
        currency_code,
        -exact_amount as amount
    from {{ ref('fct_invoice_lines') }}
),

differences as (
    select
        billing_period,
        advertiser_id,
        currency_code,
        sum(amount) as difference
    from booked
    group by billing_period, advertiser_id, currency_code
),

roundings as (
    select
        lines.billing_period,
        lines.advertiser_id,
        lines.currency_code,
        lines.line_amount - lines.exact_amount as difference
    from {{ ref('fct_invoice_lines') }} as lines
    left join {{ ref('dim_currencies') }} as currencies
        on lines.currency_code = currencies.currency_code
    where
        abs(lines.line_amount - lines.exact_amount) * 2
        > case coalesce(currencies.minor_unit_digits, 2)
            when 0 then cast(1 as numeric(38, 9))
            when 2 then cast('0.01' as numeric(38, 9))
            when 3 then cast('0.001' as numeric(38, 9))
        end
)

select * from differences
where difference <> 0
union all
select * from roundings
