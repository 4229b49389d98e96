{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    cluster_by=['user_key'],
    meta={'date_effects': [
        {'input': 'user_events.events', 'days_before': 1, 'days_after': 2},
    ]}
) }}

with sessions as (
    select * from {{ ref('bv_sessions') }}
    where {{ affected_dates('event_date') }}
),

facts as (
    select
        sessions.first_action_key as session_key,
        {{ hash_to_text('sessions.user_hk') }} as user_key,
        sessions.platform,
        sessions.event_date,
        sessions.started_at,
        sessions.ended_at,
        {{ elapsed('sessions.started_at', 'sessions.ended_at', 'second') }} as duration_seconds,
        sessions.action_count,
        sessions.view_count,
        sessions.click_count,
        sessions.purchase_count
    from sessions
)

select * from facts
