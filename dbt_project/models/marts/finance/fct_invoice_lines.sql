{#
    A line item's dates of a month are one line, its adjustments of earlier months one line for each of
    these months. Each line is rounded to the currency's minor unit by itself, so that the invoice is
    the sum of what it shows. What is billed for nothing is no line; a currency that is not in
    `dim_currencies` is rounded to two digits.
#}
{{ config(materialized='view') }}

with sums as (
    select
        billing_period,
        period_status,
        line_kind,
        advertiser_id,
        campaign_id,
        line_item_id,
        {{ date_start('advertiser_date', 'month') }} as for_month_date,
        currency_code,
        base_currency_code,
        min(advertiser_date) as first_date,
        max(advertiser_date) as last_date,
        cast(sum(billed_amount) as numeric(38, 9)) as exact_amount,
        cast(sum(billed_base_amount) as numeric(38, 9)) as exact_base_amount
    from {{ ref('fct_billing_lines') }}
    where billed_amount <> 0
    group by
        billing_period,
        period_status,
        line_kind,
        advertiser_id,
        campaign_id,
        line_item_id,
        {{ date_start('advertiser_date', 'month') }},
        currency_code,
        base_currency_code
),

lines as (
    select
        {{ hash_to_text(hashdiff([
            'sums.billing_period', 'sums.advertiser_id', 'sums.currency_code', 'sums.line_kind',
            'sums.campaign_id', 'sums.line_item_id', 'sums.for_month_date:date',
            'sums.base_currency_code',
        ])) }} as invoice_line_key,
        {{ hash_to_text(hashdiff([
            'sums.billing_period', 'sums.advertiser_id', 'sums.currency_code',
        ])) }} as invoice_key,
        sums.billing_period,
        case sums.period_status when 'closed' then 'final' else 'draft' end as invoice_status,
        sums.advertiser_id,
        sums.currency_code,
        sums.line_kind,
        sums.campaign_id,
        sums.line_item_id,
        sums.for_month_date,
        sums.first_date,
        sums.last_date,
        sums.exact_amount,
        {{ round_to('sums.exact_amount', 'coalesce(currencies.minor_unit_digits, 2)') }}
            as line_amount,
        sums.base_currency_code,
        sums.exact_base_amount
    from sums
    left join {{ ref('dim_currencies') }} as currencies
        on sums.currency_code = currencies.currency_code
)

select * from lines
