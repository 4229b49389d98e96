{{ satellite(
    sources=ref('stg_campaigns__publishers'),
    parent_key='publisher_hk',
    hashdiff='publisher_hashdiff',
    effective_from='effective_from',
    payload=[
        'publisher_name',
        'domain',
        'is_deleted',
    ]
) }}
