{#
    A line that was sent again with other figures supersedes the one before it, and one that the source has
    deleted is left out. The spend is converted by the rate of the report's date.
#}
{% set base = "'" ~ var('base_currency') ~ "'" %}

with versions as (
    {{ dimension_versions(
        hub=ref('hub_third_party_report'),
        satellite=ref('sat_third_party_report__campaigns'),
        hash_key='third_party_report_hk',
        business_key='line_item_id',
        attributes=['impression_count', 'click_count', 'spend_micros', 'currency_code']
    ) }}
),

current_lines as (
    select
        hub.third_party_report_hk,
        hub.report_date,
        hub.line_item_id,
        hub.reporter,
        versions.impression_count,
        versions.click_count,
        {{ micros_to_amount('versions.spend_micros') }} as spend_amount,
        versions.currency_code,
        versions.valid_from
    from versions
    inner join {{ ref('hub_third_party_report') }} as hub
        on versions.third_party_report_hk = hub.third_party_report_hk
    where versions.is_current and not versions.is_deleted and not versions.is_inferred
),

first_steps as (
    select
        current_lines.*,
        {{ convert_amount(
            'current_lines.spend_amount', 'fx_rates.first_operation', 'fx_rates.first_rate'
        ) }} as spend_step,
        fx_rates.second_operation,
        fx_rates.second_rate
    from current_lines
    left join {{ ref('bv_fx_rates_by_date') }} as fx_rates
        on
            current_lines.currency_code = fx_rates.currency_code
            and current_lines.report_date >= fx_rates.valid_from_date
            and current_lines.report_date < fx_rates.valid_to_date
),

reports as (
    select
        {{ hash_to_text('third_party_report_hk') }} as third_party_report_key,
        report_date,
        {{ hash_to_text(hash_key('line_item_id')) }} as line_item_key,
        line_item_id,
        reporter,
        impression_count,
        click_count,
        spend_amount,
        currency_code,
        {{ base }} as base_currency_code,
        cast(
            case
                when spend_amount = 0 then cast(0 as numeric(38, 9))
                else {{ convert_amount('spend_step', 'second_operation', 'second_rate') }}
            end
            as numeric(38, 9)
        ) as spend_base_amount,
        valid_from as reported_at
    from first_steps
)

select * from reports
