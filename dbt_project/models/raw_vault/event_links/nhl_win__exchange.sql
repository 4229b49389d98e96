{{ config(partition_by={'field': 'event_date', 'data_type': 'date'}) }}

{{ event_link(
    sources=ref('stg_exchange__wins'),
    hash_key='win_hk',
    hub_keys=['bid_hk'],
    event_date='event_date',
    payload=[
        'bid_id',
        'event_at',
        'clearing_price_micros',
        'currency_code',
    ],
    stored_dates=conflict_dates('exchange.wins')
) }}
