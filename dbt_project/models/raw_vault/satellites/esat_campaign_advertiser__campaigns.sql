{{ effectivity_satellite(
    sources=ref('stg_campaigns__campaigns'),
    link_key='campaign_advertiser_hk',
    driving_keys='campaign_hk',
    other_keys='advertiser_hk',
    is_deleted='is_deleted',
    effective_from='effective_from'
) }}
