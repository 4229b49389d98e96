with video_events as (
    select
        landed.video.impression_id,
        landed.video.video_event,
        landed.event_id,
        cast(landed.event_ts as timestamp) as event_at,
        landed.event_date,
        landed.video.position_ms,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('ad_events', 'events', source_rank=1, position='kafka') }} as landed
    where landed.event_type = 'video'
),

staged as (
    {{ stage(
        source='video_events',
        record_source="'ad_events.events'",
        hash_keys={
            'video_event_hk': ['impression_id', 'video_event'],
            'impression_hk': ['impression_id'],
        }
    ) }}
)

select * from staged
