{{ satellite(
    sources=ref('stg_campaigns__advertisers'),
    parent_key='advertiser_hk',
    hashdiff='advertiser_hashdiff',
    effective_from='effective_from',
    payload=[
        'advertiser_name',
        'time_zone',
        'currency_code',
        'industry',
        'website_domain',
        'crunchbase_permalink',
        'is_deleted',
    ]
) }}
