{{ link(
    sources=ref('stg_campaigns__campaigns'),
    hash_key='campaign_advertiser_hk',
    hub_keys=['campaign_hk', 'advertiser_hk']
) }}
