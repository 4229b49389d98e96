{{ config(partition_by={'field': 'event_date', 'data_type': 'date'}) }}

{{ event_link(
    sources=ref('stg_ad_events__video_events'),
    hash_key='video_event_hk',
    hub_keys=[],
    optional_hub_keys=['impression_hk'],
    event_date='event_date',
    payload=[
        'impression_id',
        'video_event',
        'event_id',
        'event_at',
        'position_ms',
    ],
    stored_dates=conflict_dates('ad_events.events')
) }}
