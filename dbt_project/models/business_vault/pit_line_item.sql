{{ pit(
    hub=ref('hub_line_item'),
    hash_key='line_item_hk',
    satellites=[
        {
            'relation': ref('sat_line_item__campaigns'),
            'name': 'line_item',
            'hashdiff': 'line_item_hashdiff',
            'effective_from': 'effective_from',
        },
        {
            'relation': ref('rtsat_line_item__campaigns'),
            'name': 'presence',
            'effective_from': 'effective_from',
            'columns': 'is_present',
        },
    ]
) }}
