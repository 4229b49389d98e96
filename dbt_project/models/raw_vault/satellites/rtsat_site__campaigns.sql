{{ record_tracking_satellite(
    sources=ref('stg_campaigns__sites'),
    parent_key='site_hk',
    is_deleted='is_deleted',
    effective_from='effective_from'
) }}
