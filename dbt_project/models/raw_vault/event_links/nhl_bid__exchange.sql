{{ config(partition_by={'field': 'event_date', 'data_type': 'date'}) }}

{{ event_link(
    sources=ref('stg_exchange__bids'),
    hash_key='bid_hk',
    hub_keys=[],
    optional_hub_keys=['auction_hk', 'auction_imp_hk', 'line_item_hk', 'creative_hk'],
    event_date='event_date',
    payload=[
        'bid_id',
        'event_at',
        'exchange',
        'auction_id',
        'imp_id',
        'line_item_id',
        'creative_id',
        'bid_price_micros',
        'currency_code',
    ],
    stored_dates=conflict_dates('exchange.bids')
) }}
