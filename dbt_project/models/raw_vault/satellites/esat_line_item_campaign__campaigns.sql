{{ effectivity_satellite(
    sources=ref('stg_campaigns__line_items'),
    link_key='line_item_campaign_hk',
    driving_keys='line_item_hk',
    other_keys='campaign_hk',
    is_deleted='is_deleted',
    effective_from='effective_from'
) }}
