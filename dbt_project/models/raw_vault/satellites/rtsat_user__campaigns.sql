{{ record_tracking_satellite(
    sources=ref('stg_campaigns__user_profiles'),
    parent_key='user_hk',
    is_deleted='is_deleted',
    effective_from='effective_from'
) }}
