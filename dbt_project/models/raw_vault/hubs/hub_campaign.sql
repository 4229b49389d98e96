{{ hub(
    sources=[
        ref('stg_campaigns__campaigns'),
        ref('stg_campaigns__line_items'),
    ],
    hash_key='campaign_hk',
    business_keys={'campaign_bk': 'campaign_id'}
) }}
