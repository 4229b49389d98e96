{{ config(partition_by={'field': 'event_date', 'data_type': 'date'}) }}

{{ event_link(
    sources=ref('stg_ad_events__viewability'),
    hash_key='viewability_hk',
    hub_keys=[],
    optional_hub_keys=['impression_hk'],
    event_date='event_date',
    payload=[
        'impression_id',
        'interval_sequence',
        'event_id',
        'event_at',
        'start_ms',
        'end_ms',
        'in_view_fraction',
        'is_measurable',
        'is_playing',
        'position_ms',
    ],
    stored_dates=conflict_dates('ad_events.events')
) }}
