{{ link(
    sources=ref('stg_campaigns__creatives'),
    hash_key='creative_advertiser_hk',
    hub_keys=['creative_hk', 'advertiser_hk']
) }}
