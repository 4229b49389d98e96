{{ hub(
    sources=[
        ref('stg_crunchbase__organizations'),
        ref('stg_crunchbase__funding_rounds'),
        {
            'relation': ref('stg_crunchbase__acquisitions'),
            'columns': {'organization_hk': 'acquirer_hk', 'organization_bk': 'acquirer_id'},
        },
        {
            'relation': ref('stg_crunchbase__acquisitions'),
            'columns': {'organization_hk': 'acquiree_hk', 'organization_bk': 'acquiree_id'},
        },
        ref('stg_crunchbase__people'),
        crunchbase_deletions('organization'),
    ],
    hash_key='organization_hk',
    business_keys={'organization_bk': 'organization_id'}
) }}
