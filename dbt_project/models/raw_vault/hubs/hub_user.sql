{{ hub(
    sources=[
        ref('stg_campaigns__user_profiles'),
        ref('stg_campaigns__user_identities'),
        ref('stg_ad_events__impressions'),
        ref('stg_ad_events__clicks'),
        ref('stg_adserver__impressions'),
        ref('stg_exchange__bid_requests'),
        ref('stg_adserver__clicks'),
        ref('stg_adserver__conversions'),
        ref('stg_user_events__user_actions'),
    ],
    hash_key='user_hk',
    business_keys={'user_bk': 'user_pseudonym'}
) }}
