{{ hub(
    sources=[
        ref('stg_campaigns__user_identities'),
        ref('stg_adserver__conversions'),
    ],
    hash_key='account_hk',
    business_keys={'account_bk': 'account_id'}
) }}
