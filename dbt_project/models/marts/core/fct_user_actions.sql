{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    cluster_by=['user_key'],
    meta={'date_effects': [{'input': 'user_events.events'}]}
) }}

with user_actions as (
    select * from {{ ref('bv_user_actions') }}
    where {{ affected_dates('event_date') }}
),

facts as (
    select
        {{ hash_to_text('user_actions.user_action_hk') }} as user_action_key,
        user_actions.event_at,
        user_actions.event_date,
        cast(extract(hour from user_actions.event_at) as bigint) as event_hour,
        user_actions.event_name,
        user_actions.platform,
        {{ hash_to_text('user_actions.user_hk') }} as user_key,
        {{ hash_to_text('user_actions.product_hk') }} as product_key,
        user_actions.sku
    from user_actions
)

select * from facts
