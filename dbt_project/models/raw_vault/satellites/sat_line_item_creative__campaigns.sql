{{ satellite(
    sources=ref('stg_campaigns__line_item_creatives'),
    parent_key='line_item_creative_hk',
    hashdiff='line_item_creative_hashdiff',
    effective_from='effective_from',
    payload=[
        'experiment_arm',
        'weight',
        'start_at',
        'end_at',
        'is_deleted',
    ]
) }}
