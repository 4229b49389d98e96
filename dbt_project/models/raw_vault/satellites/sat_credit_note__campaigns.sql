{{ satellite(
    sources=ref('stg_campaigns__credit_notes'),
    parent_key='credit_note_hk',
    hashdiff='credit_note_hashdiff',
    effective_from='effective_from',
    payload=[
        'exchange',
        'line_item_id',
        'for_month',
        'amount_micros',
        'currency_code',
        'reason',
        'is_deleted',
    ]
) }}
