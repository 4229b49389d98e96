{{ pit(
    hub=ref('link_line_item_creative'),
    hash_key='line_item_creative_hk',
    satellites=[
        {
            'relation': ref('sat_line_item_creative__campaigns'),
            'name': 'line_item_creative',
            'hashdiff': 'line_item_creative_hashdiff',
            'effective_from': 'effective_from',
        },
        {
            'relation': ref('esat_line_item_creative__campaigns'),
            'name': 'assignment',
            'effective_from': 'effective_from',
            'columns': 'is_active',
        },
    ]
) }}
