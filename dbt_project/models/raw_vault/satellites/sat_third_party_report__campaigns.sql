{{ satellite(
    sources=ref('stg_campaigns__third_party_reports'),
    parent_key='third_party_report_hk',
    hashdiff='third_party_report_hashdiff',
    effective_from='effective_from',
    payload=[
        'impression_count',
        'click_count',
        'spend_micros',
        'currency_code',
        'is_deleted',
    ]
) }}
