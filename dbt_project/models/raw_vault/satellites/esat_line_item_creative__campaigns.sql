{# A line item has several creatives at a time: an assignment ends when its row goes. #}
{{ effectivity_satellite(
    sources=ref('stg_campaigns__line_item_creatives'),
    link_key='line_item_creative_hk',
    driving_keys=['line_item_hk', 'creative_hk'],
    is_deleted='is_deleted',
    effective_from='effective_from'
) }}
