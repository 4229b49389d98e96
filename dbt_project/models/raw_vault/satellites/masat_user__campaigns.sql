{{ multi_active_satellite(
    sources=ref('stg_campaigns__user_identities'),
    parent_key='user_hk',
    child_keys='account_hk',
    hashdiff='user_account_hashdiff',
    effective_from='effective_from',
    payload=[
        'first_seen_at',
        'is_deleted',
    ]
) }}
