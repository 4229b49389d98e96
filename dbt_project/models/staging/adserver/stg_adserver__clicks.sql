with clicks as (
    select
        landed.click_id,
        cast(landed.event_ts as timestamp) as event_at,
        landed.event_date,
        landed.impression_id,
        landed.user_id as user_pseudonym,
        landed.ip as ip_pseudonym,
        landed.ip_prefix,
        landed.user_agent,
        landed.landing_url,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('adserver', 'clicks', source_rank=3) }} as landed
),

staged as (
    {{ stage(
        source='clicks',
        record_source="'adserver.clicks'",
        hash_keys={
            'click_hk': ['click_id'],
            'impression_hk': ['impression_id'],
            'user_hk': ['user_pseudonym'],
        }
    ) }}
)

select * from staged
