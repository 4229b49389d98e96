{#
    What is earned less what is paid in each currency, and what the movement of rates since makes of
    it. The revaluation converts the net native amount by the newest rate known, once for the month.
#}
with months as (
    select
        {{ date_start('advertiser_date', 'month') }} as month_start_date,
        currency_code,
        base_currency_code,
        cast(sum(billed_amount) as numeric(38, 9)) as billed_amount,
        cast(sum(media_cost_amount) as numeric(38, 9)) as media_cost_amount,
        cast(sum(billed_base_amount) as numeric(38, 9)) as billed_base_amount,
        cast(sum(media_cost_base_amount) as numeric(38, 9)) as media_cost_base_amount
    from {{ ref('fct_line_item_spend_daily') }}
    where billed_amount <> 0 or media_cost_amount <> 0
    group by
        {{ date_start('advertiser_date', 'month') }},
        currency_code,
        base_currency_code
),

exposures as (
    select
        months.*,
        cast(months.billed_amount - months.media_cost_amount as numeric(38, 9))
            as net_exposure_amount,
        cast(months.billed_base_amount - months.media_cost_base_amount as numeric(38, 9))
            as net_exposure_base_amount,
        newest_rates.valid_from_date as newest_rate_date,
        newest_rates.first_operation,
        newest_rates.first_rate,
        newest_rates.second_operation,
        newest_rates.second_rate
    from months
    left join {{ ref('bv_fx_rates_by_date') }} as newest_rates
        on
            months.currency_code = newest_rates.currency_code
            and newest_rates.valid_to_date = date '9999-12-31'
),

first_steps as (
    select
        {{ convert_amount(
            'exposures.net_exposure_amount', 'exposures.first_operation', 'exposures.first_rate'
        ) }} as net_exposure_step,
        exposures.*
    from exposures
),

revalued as (
    select
        cast(
            {{ convert_amount(
                'first_steps.net_exposure_step',
                'first_steps.second_operation',
                'first_steps.second_rate'
            ) }}
            as numeric(38, 9)
        ) as revalued_base_amount,
        first_steps.*
    from first_steps
),

report as (
    select
        {{ hash_to_text(hashdiff(['revalued.month_start_date:date', 'revalued.currency_code'])) }}
            as fx_exposure_key,
        revalued.month_start_date,
        revalued.currency_code,
        revalued.base_currency_code,
        revalued.billed_amount,
        revalued.media_cost_amount,
        revalued.net_exposure_amount,
        revalued.billed_base_amount,
        revalued.media_cost_base_amount,
        revalued.net_exposure_base_amount,
        {{ rate(
            'revalued.billed_base_amount + revalued.media_cost_base_amount',
            'revalued.billed_amount + revalued.media_cost_amount'
        ) }} as average_rate,
        revalued.newest_rate_date,
        revalued.revalued_base_amount,
        cast(revalued.revalued_base_amount - revalued.net_exposure_base_amount as numeric(38, 9))
            as revaluation_base_amount
    from revalued
)

select * from report
