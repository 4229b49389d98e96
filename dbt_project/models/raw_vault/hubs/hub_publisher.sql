{{ hub(
    sources=[
        ref('stg_campaigns__publishers'),
        ref('stg_campaigns__sites'),
    ],
    hash_key='publisher_hk',
    business_keys={'publisher_bk': 'publisher_id'}
) }}
