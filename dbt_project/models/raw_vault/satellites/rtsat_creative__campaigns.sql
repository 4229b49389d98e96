{{ record_tracking_satellite(
    sources=ref('stg_campaigns__creatives'),
    parent_key='creative_hk',
    is_deleted='is_deleted',
    effective_from='effective_from'
) }}
