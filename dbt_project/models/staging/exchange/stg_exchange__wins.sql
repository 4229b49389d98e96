with wins as (
    select
        landed.bid_id,
        cast(landed.win_ts as timestamp) as event_at,
        landed.event_date,
        landed.clearing_price_micros,
        landed.currency as currency_code,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('exchange', 'wins', source_rank=42) }} as landed
),

staged as (
    {{ stage(
        source='wins',
        record_source="'exchange.wins'",
        hash_keys={
            'win_hk': ['bid_id'],
            'bid_hk': ['bid_id'],
        }
    ) }}
)

select * from staged
