{{ hub(
    sources=[
        ref('stg_crunchbase__acquisitions'),
        crunchbase_deletions('acquisition'),
    ],
    hash_key='acquisition_hk',
    business_keys={'acquisition_bk': 'acquisition_id'}
) }}
