{{ link(
    sources=ref('stg_campaigns__sites'),
    hash_key='site_publisher_hk',
    hub_keys=['site_hk', 'publisher_hk']
) }}
