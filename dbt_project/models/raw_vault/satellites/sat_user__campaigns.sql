{{ satellite(
    sources=ref('stg_campaigns__user_profiles'),
    parent_key='user_hk',
    hashdiff='user_hashdiff',
    effective_from='effective_from',
    payload=[
        'email_pseudonym',
        'age_band',
        'gender',
        'country_code',
        'is_deleted',
    ]
) }}
