{{ hub(
    sources=[
        ref('stg_campaigns__sites'),
        ref('stg_campaigns__placements'),
    ],
    hash_key='site_hk',
    business_keys={'site_bk': 'site_id'}
) }}
