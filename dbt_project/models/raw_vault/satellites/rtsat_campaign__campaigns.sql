{{ record_tracking_satellite(
    sources=ref('stg_campaigns__campaigns'),
    parent_key='campaign_hk',
    is_deleted='is_deleted',
    effective_from='effective_from'
) }}
