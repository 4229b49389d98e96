{{ link(
    sources=ref('stg_campaigns__credit_notes'),
    hash_key='credit_note_line_item_hk',
    hub_keys=['credit_note_hk', 'line_item_hk']
) }}
