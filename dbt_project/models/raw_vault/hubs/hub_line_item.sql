{{ hub(
    sources=[
        ref('stg_campaigns__line_items'),
        ref('stg_campaigns__line_item_creatives'),
        ref('stg_campaigns__third_party_reports'),
        ref('stg_campaigns__credit_notes'),
        ref('stg_ad_events__impressions'),
        ref('stg_adserver__impressions'),
        ref('stg_exchange__bids'),
    ],
    hash_key='line_item_hk',
    business_keys={'line_item_bk': 'line_item_id'}
) }}
