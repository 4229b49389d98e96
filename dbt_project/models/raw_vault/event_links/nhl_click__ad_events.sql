{{ config(partition_by={'field': 'event_date', 'data_type': 'date'}) }}

{{ event_link(
    sources=ref('stg_ad_events__clicks'),
    hash_key='click_hk',
    hub_keys=[],
    optional_hub_keys=['impression_hk', 'user_hk'],
    event_date='event_date',
    payload=[
        'click_id',
        'event_id',
        'event_at',
        'impression_id',
        'user_pseudonym',
        'ip_pseudonym',
        'ip_prefix',
        'user_agent',
        'landing_url',
    ],
    stored_dates=conflict_dates('ad_events.events')
) }}
