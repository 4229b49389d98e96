{{ hub(
    sources=ref('stg_campaigns__credit_notes'),
    hash_key='credit_note_hk',
    business_keys={'credit_note_bk': 'credit_id'}
) }}
