{{ hub(
    sources=[
        ref('stg_crunchbase__acquisitions'),
        {
            'relation': ref('stg_crunchbase__deleted_entities'),
            'columns': {'acquisition_hk': 'entity_hk', 'acquisition_bk': 'entity_id'},
            'where': "entity_kind = 'acquisition'",
        },
    ],
    hash_key='acquisition_hk',
    business_keys={'acquisition_bk': 'acquisition_id'}
) }}
