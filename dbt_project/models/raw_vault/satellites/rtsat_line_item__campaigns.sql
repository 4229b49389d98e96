{{ record_tracking_satellite(
    sources=ref('stg_campaigns__line_items'),
    parent_key='line_item_hk',
    is_deleted='is_deleted',
    effective_from='effective_from'
) }}
