{{ link(
    sources=ref('stg_crunchbase__people'),
    hash_key='person_organization_hk',
    hub_keys=['person_hk', 'organization_hk']
) }}
