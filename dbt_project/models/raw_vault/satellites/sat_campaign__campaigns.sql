{{ satellite(
    sources=ref('stg_campaigns__campaigns'),
    parent_key='campaign_hk',
    hashdiff='campaign_hashdiff',
    effective_from='effective_from',
    payload=[
        'advertiser_id',
        'campaign_name',
        'objective',
        'budget_micros',
        'currency_code',
        'start_at',
        'end_at',
        'status',
        'is_deleted',
    ]
) }}
