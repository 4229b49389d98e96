{{ hub(
    sources=[
        ref('stg_crunchbase__funding_rounds'),
        {
            'relation': ref('stg_crunchbase__deleted_entities'),
            'columns': {'funding_round_hk': 'entity_hk', 'funding_round_bk': 'entity_id'},
            'where': "entity_kind = 'funding_round'",
        },
    ],
    hash_key='funding_round_hk',
    business_keys={'funding_round_bk': 'funding_round_id'}
) }}
