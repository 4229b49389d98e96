with intervals as (
    select
        landed.viewability.impression_id,
        landed.viewability.sequence as interval_sequence,
        landed.event_id,
        cast(landed.event_ts as timestamp) as event_at,
        landed.event_date,
        landed.viewability.start_ms,
        landed.viewability.end_ms,
        landed.viewability.in_view_fraction,
        landed.viewability.measurable as is_measurable,
        landed.viewability.playing as is_playing,
        landed.viewability.position_ms,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('ad_events', 'events', source_rank=1, position='kafka') }} as landed
    where landed.event_type = 'viewability'
),

staged as (
    {{ stage(
        source='intervals',
        record_source="'ad_events.events'",
        hash_keys={
            'viewability_hk': ['impression_id', 'interval_sequence:integer'],
            'impression_hk': ['impression_id'],
        }
    ) }}
)

select * from staged
