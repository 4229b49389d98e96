{{ pit(
    hub=ref('hub_campaign'),
    hash_key='campaign_hk',
    satellites=[
        {
            'relation': ref('sat_campaign__campaigns'),
            'name': 'campaign',
            'hashdiff': 'campaign_hashdiff',
            'effective_from': 'effective_from',
        },
        {
            'relation': ref('rtsat_campaign__campaigns'),
            'name': 'presence',
            'effective_from': 'effective_from',
            'columns': 'is_present',
        },
    ]
) }}
