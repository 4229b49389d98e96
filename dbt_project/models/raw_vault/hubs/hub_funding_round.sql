{{ hub(
    sources=[
        ref('stg_crunchbase__funding_rounds'),
        crunchbase_deletions('funding_round'),
    ],
    hash_key='funding_round_hk',
    business_keys={'funding_round_bk': 'funding_round_id'}
) }}
