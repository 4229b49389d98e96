{{ link(
    sources=ref('stg_campaigns__user_identities'),
    hash_key='user_account_hk',
    hub_keys=['user_hk', 'account_hk']
) }}
