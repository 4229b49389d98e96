{{ satellite(
    sources=ref('stg_campaigns__sites'),
    parent_key='site_hk',
    hashdiff='site_hashdiff',
    effective_from='effective_from',
    payload=[
        'publisher_id',
        'site_kind',
        'domain_or_bundle',
        'iab_category',
        'is_deleted',
    ]
) }}
