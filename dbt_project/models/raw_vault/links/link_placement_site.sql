{{ link(
    sources=ref('stg_campaigns__placements'),
    hash_key='placement_site_hk',
    hub_keys=['placement_hk', 'site_hk']
) }}
