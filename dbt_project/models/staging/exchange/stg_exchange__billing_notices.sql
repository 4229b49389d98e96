with billing_notices as (
    select
        landed.bid_id,
        cast(landed.billed_ts as timestamp) as event_at,
        landed.event_date,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('exchange', 'billing_notices', source_rank=43) }} as landed
),

staged as (
    {{ stage(
        source='billing_notices',
        record_source="'exchange.billing_notices'",
        hash_keys={
            'billing_notice_hk': ['bid_id'],
            'bid_hk': ['bid_id'],
        }
    ) }}
)

select * from staged
