{{ config(partition_by={'field': 'event_date', 'data_type': 'date'}) }}

{{ event_link(
    sources=ref('stg_user_events__user_actions'),
    hash_key='user_action_hk',
    hub_keys=[],
    optional_hub_keys=['user_hk', 'product_hk'],
    event_date='event_date',
    payload=[
        'user_action_id',
        'has_event_id',
        'event_at',
        'event_name',
        'user_pseudonym',
        'platform',
        'product_name',
        'sku',
    ],
    stored_dates=conflict_dates('user_events.events')
) }}
