{{ hub(
    sources=ref('stg_campaigns__third_party_reports'),
    hash_key='third_party_report_hk',
    business_keys=['report_date', 'line_item_id', 'reporter']
) }}
