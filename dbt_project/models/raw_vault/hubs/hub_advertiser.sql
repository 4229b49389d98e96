{{ hub(
    sources=[
        ref('stg_campaigns__advertisers'),
        ref('stg_campaigns__campaigns'),
        ref('stg_campaigns__creatives'),
        ref('stg_adserver__conversions'),
    ],
    hash_key='advertiser_hk',
    business_keys={'advertiser_bk': 'advertiser_id'}
) }}
