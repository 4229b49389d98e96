{{ record_tracking_satellite(
    sources=ref('stg_campaigns__placements'),
    parent_key='placement_hk',
    is_deleted='is_deleted',
    effective_from='effective_from'
) }}
