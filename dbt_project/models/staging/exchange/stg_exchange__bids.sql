with bids as (
    select
        landed.bid_id,
        cast(landed.bid_ts as timestamp) as event_at,
        landed.event_date,
        landed.exchange,
        landed.auction_id,
        landed.imp_id,
        landed.line_item_id,
        landed.creative_id,
        landed.bid_price_micros,
        landed.currency as currency_code,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('exchange', 'bids', source_rank=41) }} as landed
),

staged as (
    {{ stage(
        source='bids',
        record_source="'exchange.bids'",
        hash_keys={
            'bid_hk': ['bid_id'],
            'auction_hk': ['exchange', 'auction_id'],
            'auction_imp_hk': ['exchange', 'auction_id', 'imp_id'],
            'line_item_hk': ['line_item_id'],
            'creative_hk': ['creative_id'],
        }
    ) }}
)

select * from staged
