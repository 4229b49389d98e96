{{ link(
    sources=ref('stg_campaigns__third_party_reports'),
    hash_key='third_party_report_line_item_hk',
    hub_keys=['third_party_report_hk', 'line_item_hk']
) }}
