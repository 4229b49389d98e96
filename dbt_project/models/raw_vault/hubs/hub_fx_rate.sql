{{ hub(
    sources=ref('stg_fx__rates'),
    hash_key='fx_rate_hk',
    business_keys=['rate_date', 'base_currency_code', 'quote_currency_code']
) }}
