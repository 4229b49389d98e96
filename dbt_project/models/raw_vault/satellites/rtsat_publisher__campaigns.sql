{{ record_tracking_satellite(
    sources=ref('stg_campaigns__publishers'),
    parent_key='publisher_hk',
    is_deleted='is_deleted',
    effective_from='effective_from'
) }}
