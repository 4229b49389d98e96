{{ link(
    sources=ref('stg_crunchbase__acquisitions'),
    hash_key='acquisition_organizations_hk',
    hub_keys=['acquisition_hk', 'acquirer_hk', 'acquiree_hk']
) }}
