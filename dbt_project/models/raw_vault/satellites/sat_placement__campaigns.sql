{{ satellite(
    sources=ref('stg_campaigns__placements'),
    parent_key='placement_hk',
    hashdiff='placement_hashdiff',
    effective_from='effective_from',
    payload=[
        'site_id',
        'placement_name',
        'ad_format',
        'width',
        'height',
        'floor_micros',
        'currency_code',
        'is_deleted',
    ]
) }}
