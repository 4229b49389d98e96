{#
    What conversions bill, and what they are worth: by the model that a touch's line item had at the
    touch's time, each line item the part of a conversion that its own model gives it.

    - Billed: CPA, the line item's rate of the conversion's time for every conversion that is attributed
      to it, in parts of a millionth. Parts are summed exactly and rounded to a nano-unit once, half
      away from zero.
    - Date, campaign and advertiser are those of the conversion's time; what an attributed conversion is
      worth stands in the row of the conversion's own currency.
    - Late touches and verdicts restate whole months of conversions (fct_attribution_touches), and the
      dates beside them where a conversion falls on another date in the advertiser's time zone.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'advertiser_date', 'data_type': 'date'},
    meta={'date_effects': attribution_effects(widen_to='month', days_beyond=1) + [
        {'input': 'campaigns.advertisers', 'by': 'effective_from',
         'days_before': var('late_dimension_days') + 1},
        {'input': 'fx.rates', 'by': 'effective_from'},
    ]}
) }}

with touches as (
    select
        line_item_key,
        conversion_at,
        currency_code,
        line_item_model_credit,
        line_item_model_value_micros
    from {{ ref('fct_attribution_touches') }}
    where
        {{ affected_dates('event_date', days_before=1, days_after=1) }}
        and line_item_model_credit > 0
),

touches_as_of as (
    select
        touches.line_item_key,
        line_items.campaign_key,
        campaigns.advertiser_key,
        {{ date_in_zone('touches.conversion_at', "coalesce(advertisers.time_zone, 'UTC')") }}
            as advertiser_date,
        coalesce(line_items.currency_code, 'XXX') as billing_currency_code,
        coalesce(touches.currency_code, 'XXX') as value_currency_code,
        touches.line_item_model_credit,
        touches.line_item_model_value_micros,
        {# Micro-units, exact: a rate times a millionth has six decimals. #}
        case
            when line_items.pricing_model = 'CPA'
                then {{ multiply_rounded(
                    'line_items.rate_micros',
                    micros_to_amount('touches.line_item_model_credit')
                ) }}
            else cast(0 as numeric(38, 9))
        end as cpa_micros
    from touches
    {{ as_of(ref('dim_line_items'), 'line_items', 'line_item_key',
             'touches.line_item_key', 'touches.conversion_at') }}
    {{ as_of(ref('dim_campaigns'), 'campaigns', 'campaign_key',
             'line_items.campaign_key', 'touches.conversion_at') }}
    {{ as_of(ref('dim_advertisers'), 'advertisers', 'advertiser_key',
             'campaigns.advertiser_key', 'touches.conversion_at') }}
),

affected_touches as (
    select * from touches_as_of
    where {{ affected_dates('advertiser_date') }}
),

amounts_by_currency as (
    select
        line_item_key,
        campaign_key,
        advertiser_key,
        advertiser_date,
        billing_currency_code as currency_code,
        line_item_model_credit as credit,
        cpa_micros,
        0 as value_micros
    from affected_touches
    union all
    select
        line_item_key,
        campaign_key,
        advertiser_key,
        advertiser_date,
        value_currency_code as currency_code,
        0 as credit,
        cast(0 as numeric(38, 9)) as cpa_micros,
        line_item_model_value_micros as value_micros
    from affected_touches
    where line_item_model_value_micros is not null
),

native_amounts as (
    select
        line_item_key,
        campaign_key,
        advertiser_key,
        advertiser_date,
        currency_code,
        {{ micros_to_amount('sum(credit)') }} as attributed_conversion_count,
        cast({{ divide_rounded('sum(cpa_micros)', 1000000) }} as numeric(38, 9))
            as cpa_billed_amount,
        {{ micros_to_amount('sum(value_micros)') }} as attributed_value_amount
    from amounts_by_currency
    group by line_item_key, campaign_key, advertiser_key, advertiser_date, currency_code
),

billing as (
    {{ billing_in_base(
        'native_amounts',
        'conversion_billing_key',
        counts=['attributed_conversion_count'],
        amounts=['cpa_billed', 'attributed_value'],
        fx_rates=ref('bv_fx_rates_by_date'),
        line_items=ref('dim_line_items'),
        campaigns=ref('dim_campaigns'),
        advertisers=ref('dim_advertisers')
    ) }}
)

select * from billing
