with rates as (
    select
        landed.rate_date,
        landed.base as base_currency_code,
        landed.quote as quote_currency_code,
        landed.rate,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('fx', 'rates', source_rank=30) }} as landed
),

staged as (
    {{ stage(
        source='rates',
        record_source="'fx.rates'",
        hash_keys={
            'fx_rate_hk': ['rate_date:date', 'base_currency_code', 'quote_currency_code'],
        },
        hashdiffs={'fx_rate_hashdiff': ['rate:decimal']}
    ) }}
)

select * from staged
