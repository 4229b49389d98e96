{#
    Native amounts of billing with the ids that their line item, campaign and advertiser have now, and
    in the base currency, by the rate of the advertiser date or the last before it. `source` has one row
    per line_item_key, campaign_key, advertiser_key, advertiser_date and currency_code, the `counts`,
    and each of the `amounts` as `<name>_amount`; the result has `<name>_base_amount`, too, and the hash
    of the grain as `key`.

        billing as ({{ billing_in_base(
            'native_amounts', 'delivery_billing_key', ['net_click_count'], ['cpc_billed'],
            ref('bv_fx_rates_by_date'), ref('dim_line_items'), ref('dim_campaigns'),
            ref('dim_advertisers')) }})
#}
{% macro billing_in_base(
    source, key, counts, amounts, fx_rates, line_items, campaigns, advertisers
) -%}
    select
        {{ hash_to_text(hashdiff([
            'native_amounts.line_item_key', 'native_amounts.campaign_key',
            'native_amounts.advertiser_key', 'native_amounts.advertiser_date:date',
            'native_amounts.currency_code',
        ])) }} as {{ key }},
        native_amounts.advertiser_date,
        native_amounts.line_item_key,
        line_items.line_item_id,
        native_amounts.campaign_key,
        campaigns.campaign_id,
        native_amounts.advertiser_key,
        advertisers.advertiser_id,
        native_amounts.currency_code,
        {%- for count in counts %}
        native_amounts.{{ count }},
        {%- endfor %}
        {%- for amount in amounts %}
        native_amounts.{{ amount }}_amount,
        {%- endfor %}
        fx_rates.conversion_path,
        {%- for amount in amounts %}
        {{ base_amount('native_amounts.' ~ amount ~ '_amount', 'fx_rates') }}
            as {{ amount }}_base_amount
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ source }} as native_amounts
    left join {{ fx_rates }} as fx_rates
        on
            native_amounts.currency_code = fx_rates.currency_code
            and native_amounts.advertiser_date >= fx_rates.valid_from_date
            and native_amounts.advertiser_date < fx_rates.valid_to_date
    left join {{ line_items }} as line_items
        on native_amounts.line_item_key = line_items.line_item_key and line_items.is_current
    left join {{ campaigns }} as campaigns
        on native_amounts.campaign_key = campaigns.campaign_key and campaigns.is_current
    left join {{ advertisers }} as advertisers
        on native_amounts.advertiser_key = advertisers.advertiser_key and advertisers.is_current
{%- endmacro %}
