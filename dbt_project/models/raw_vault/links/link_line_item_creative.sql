{{ link(
    sources=ref('stg_campaigns__line_item_creatives'),
    hash_key='line_item_creative_hk',
    hub_keys=['line_item_hk', 'creative_hk']
) }}
