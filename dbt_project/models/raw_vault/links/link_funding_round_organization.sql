{{ link(
    sources=ref('stg_crunchbase__funding_rounds'),
    hash_key='funding_round_organization_hk',
    hub_keys=['funding_round_hk', 'organization_hk']
) }}
