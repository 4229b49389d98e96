{{ config(partition_by={'field': 'event_date', 'data_type': 'date'}) }}

{{ event_link(
    sources=ref('stg_exchange__auction_imps'),
    hash_key='auction_imp_hk',
    hub_keys=['auction_hk'],
    event_date='event_date',
    payload=[
        'exchange',
        'auction_id',
        'imp_id',
        'imp_number',
        'event_at',
        'tag_id',
        'ad_format',
        'width',
        'height',
        'floor_price',
        'floor_currency_code',
        'deal_count',
    ],
    stored_dates=conflict_dates('exchange.bid_requests'),
    load_order=[
        'load_pin',
        'source_rank',
        'ingest_seq',
        'position_major',
        'position_minor',
        'imp_number',
    ]
) }}
