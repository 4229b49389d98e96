{{ record_tracking_satellite(
    sources=ref('stg_campaigns__advertisers'),
    parent_key='advertiser_hk',
    is_deleted='is_deleted',
    effective_from='effective_from'
) }}
