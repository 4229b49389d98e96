{{ config(partition_by={'field': 'event_date', 'data_type': 'date'}) }}

{{ event_link(
    sources=ref('stg_adserver__conversions'),
    hash_key='conversion_hk',
    hub_keys=[],
    optional_hub_keys=['advertiser_hk', 'user_hk', 'account_hk'],
    event_date='event_date',
    payload=[
        'conversion_id',
        'event_at',
        'advertiser_id',
        'user_pseudonym',
        'account_id',
        'conversion_type',
        'conversion_value',
        'currency_code',
        'order_id',
    ],
    stored_dates=conflict_dates('adserver.conversions')
) }}
