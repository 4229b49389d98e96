{{ pit(
    hub=ref('hub_advertiser'),
    hash_key='advertiser_hk',
    satellites=[
        {
            'relation': ref('sat_advertiser__campaigns'),
            'name': 'advertiser',
            'hashdiff': 'advertiser_hashdiff',
            'effective_from': 'effective_from',
        },
        {
            'relation': ref('rtsat_advertiser__campaigns'),
            'name': 'presence',
            'effective_from': 'effective_from',
            'columns': 'is_present',
        },
    ]
) }}
