{{ hub(
    sources=[
        ref('stg_crunchbase__people'),
        {
            'relation': ref('stg_crunchbase__deleted_entities'),
            'columns': {'person_hk': 'entity_hk', 'person_bk': 'entity_id'},
            'where': "entity_kind = 'person'",
        },
    ],
    hash_key='person_hk',
    business_keys={'person_bk': 'person_id'}
) }}
