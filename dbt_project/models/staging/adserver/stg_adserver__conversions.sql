with conversions as (
    select
        landed.conversion_id,
        cast(landed.event_ts as timestamp) as event_at,
        landed.event_date,
        landed.advertiser_id,
        landed.user_id as user_pseudonym,
        landed.account_id,
        landed.conversion_type,
        landed.value as conversion_value,
        landed.currency as currency_code,
        landed.order_id,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('adserver', 'conversions', source_rank=4) }} as landed
),

staged as (
    {{ stage(
        source='conversions',
        record_source="'adserver.conversions'",
        hash_keys={
            'conversion_hk': ['conversion_id'],
            'advertiser_hk': ['advertiser_id'],
            'user_hk': ['user_pseudonym'],
            'account_hk': ['account_id'],
        }
    ) }}
)

select * from staged
