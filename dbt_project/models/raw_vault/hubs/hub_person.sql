{{ hub(
    sources=[
        ref('stg_crunchbase__people'),
        crunchbase_deletions('person'),
    ],
    hash_key='person_hk',
    business_keys={'person_bk': 'person_id'}
) }}
