with clicks as (
    select
        landed.click.click_id,
        landed.event_id,
        cast(landed.event_ts as timestamp) as event_at,
        landed.event_date,
        landed.click.impression_id,
        landed.click.user_id as user_pseudonym,
        landed.click.ip as ip_pseudonym,
        landed.click.ip_prefix,
        landed.click.user_agent,
        landed.click.landing_url,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('ad_events', 'events', source_rank=1, position='kafka') }} as landed
    where landed.event_type = 'click'
),

staged as (
    {{ stage(
        source='clicks',
        record_source="'ad_events.events'",
        hash_keys={
            'click_hk': ['click_id'],
            'impression_hk': ['impression_id'],
            'user_hk': ['user_pseudonym'],
        }
    ) }}
)

select * from staged
