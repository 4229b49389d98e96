{{ hub(
    sources=[
        ref('stg_campaigns__placements'),
        ref('stg_ad_events__impressions'),
        ref('stg_adserver__impressions'),
    ],
    hash_key='placement_hk',
    business_keys={'placement_bk': 'placement_id'}
) }}
