{{ pit(
    hub=ref('hub_creative'),
    hash_key='creative_hk',
    satellites=[
        {
            'relation': ref('sat_creative__campaigns'),
            'name': 'creative',
            'hashdiff': 'creative_hashdiff',
            'effective_from': 'effective_from',
        },
        {
            'relation': ref('rtsat_creative__campaigns'),
            'name': 'presence',
            'effective_from': 'effective_from',
            'columns': 'is_present',
        },
    ]
) }}
