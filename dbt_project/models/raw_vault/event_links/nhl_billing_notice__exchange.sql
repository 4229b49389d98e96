{{ config(partition_by={'field': 'event_date', 'data_type': 'date'}) }}

{{ event_link(
    sources=ref('stg_exchange__billing_notices'),
    hash_key='billing_notice_hk',
    hub_keys=['bid_hk'],
    event_date='event_date',
    payload=['bid_id', 'event_at'],
    stored_dates=conflict_dates('exchange.billing_notices')
) }}
