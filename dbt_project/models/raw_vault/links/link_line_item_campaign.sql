{{ link(
    sources=ref('stg_campaigns__line_items'),
    hash_key='line_item_campaign_hk',
    hub_keys=['line_item_hk', 'campaign_hk']
) }}
