{{ hub(
    sources=ref('stg_user_events__user_actions'),
    hash_key='product_hk',
    business_keys={'product_bk': 'sku'}
) }}
