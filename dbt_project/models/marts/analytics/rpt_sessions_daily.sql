{# Counts that add up, by the date on which a session began. #}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': [
        {'input': 'user_events.events', 'days_before': 1, 'days_after': 2},
    ]}
) }}

with sessions as (
    select
        event_date,
        platform,
        count(*) as session_count,
        cast(sum(action_count) as bigint) as action_count,
        cast(sum(duration_seconds) as bigint) as duration_seconds,
        count(case when purchase_count > 0 then 1 end) as purchase_session_count
    from {{ ref('fct_sessions') }}
    where {{ affected_dates('event_date') }}
    group by event_date, platform
),

report as (
    select
        {{ hash_to_text(hashdiff(['event_date:date', 'platform'])) }} as sessions_key,
        event_date,
        platform,
        session_count,
        action_count,
        duration_seconds,
        purchase_session_count,
        {{ rate('action_count', 'session_count') }} as actions_per_session_rate,
        {{ rate('purchase_session_count', 'session_count') }} as purchase_rate
    from sessions
)

select * from report
