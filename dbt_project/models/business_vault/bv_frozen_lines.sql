{# A close writes its lines first and its period last: lines without their period never happened. #}
{{ config(materialized='view') }}

with frozen_lines as (
    select
        frozen.close_id,
        frozen.line_number,
        frozen.billing_period,
        frozen.line_kind,
        frozen.line_item_id,
        frozen.campaign_id,
        frozen.advertiser_id,
        frozen.advertiser_date,
        frozen.currency_code,
        frozen.base_currency_code,
        frozen.billed_amount,
        frozen.billed_base_amount,
        frozen.media_cost_amount,
        frozen.media_cost_base_amount
    from {{ ref('stg_ops__frozen_lines') }} as frozen
    inner join {{ ref('bv_billing_periods') }} as periods
        on frozen.close_id = periods.close_id
)

select * from frozen_lines
