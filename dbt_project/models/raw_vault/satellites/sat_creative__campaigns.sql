{{ satellite(
    sources=ref('stg_campaigns__creatives'),
    parent_key='creative_hk',
    hashdiff='creative_hashdiff',
    effective_from='effective_from',
    payload=[
        'advertiser_id',
        'creative_name',
        'ad_format',
        'width',
        'height',
        'duration_ms',
        'landing_domain',
        'is_deleted',
    ]
) }}
