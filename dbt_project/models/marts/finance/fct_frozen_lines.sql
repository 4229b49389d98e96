with frozen_lines as (
    select
        {{ hash_to_text(hash_key(['close_id', 'line_number:integer'])) }} as frozen_line_key,
        billing_period,
        line_kind,
        line_item_id,
        campaign_id,
        advertiser_id,
        advertiser_date,
        currency_code,
        base_currency_code,
        billed_amount,
        billed_base_amount,
        media_cost_amount,
        media_cost_base_amount
    from {{ ref('bv_frozen_lines') }}
)

select * from frozen_lines
