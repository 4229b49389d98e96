{{ hub(
    sources=[
        ref('stg_campaigns__creatives'),
        ref('stg_campaigns__line_item_creatives'),
        ref('stg_ad_events__impressions'),
        ref('stg_adserver__impressions'),
        ref('stg_exchange__bids'),
    ],
    hash_key='creative_hk',
    business_keys={'creative_bk': 'creative_id'}
) }}
