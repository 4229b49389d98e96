{#
    Sessions: the actions of one user id on one platform (without one, that is a platform of its own) in
    their order, as long as the next comes at most `session_gap_minutes` after the one before. A session
    lies by the date of its first action.

    What never rests is cut, so that a new action changes few dates: where a user acted through a whole
    UTC date without a pause that long, the first action of the next date begins a session. No session
    therefore spans more than two midnights.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': [
        {'input': 'user_events.events', 'days_before': 1, 'days_after': 2},
    ]}
) }}

with actions as (
    select
        user_action_hk,
        user_hk,
        coalesce(platform, '') as platform_group,
        platform,
        event_name,
        event_at,
        event_date,
        user_action_id
    from {{ ref('bv_user_actions') }}
    where
        {{ affected_dates('event_date', days_before=2, days_after=1) }}
        and user_hk is not null
),

in_order as (
    select
        actions.*,
        lag(actions.event_at) over (
            partition by actions.user_hk, actions.platform_group
            order by actions.event_at, actions.user_action_id
        ) as previous_at,
        lag(actions.event_date) over (
            partition by actions.user_hk, actions.platform_group
            order by actions.event_at, actions.user_action_id
        ) as previous_date
    from actions
),

with_gaps as (
    select
        in_order.*,
        in_order.previous_at is null
        or {{ micros_between('in_order.previous_at', 'in_order.event_at') }}
        > {{ var('session_gap_minutes') * 60000000 }} as is_after_gap
    from in_order
),

with_rests as (
    select
        with_gaps.*,
        max(case when with_gaps.is_after_gap then with_gaps.event_date end) over (
            partition by with_gaps.user_hk, with_gaps.platform_group
            order by with_gaps.event_at, with_gaps.user_action_id
            rows between unbounded preceding and current row
        ) as rested_date
    from with_gaps
),

with_starts as (
    select
        with_rests.*,
        with_rests.is_after_gap
        or (
            with_rests.previous_date < with_rests.event_date
            and with_rests.rested_date < {{ add_days('with_rests.event_date', -1) }}
        ) as is_start
    from with_rests
),

numbered as (
    select
        with_starts.*,
        sum(case when with_starts.is_start then 1 else 0 end) over (
            partition by with_starts.user_hk, with_starts.platform_group
            order by with_starts.event_at, with_starts.user_action_id
            rows between unbounded preceding and current row
        ) as session_number
    from with_starts
),

sessions as (
    select
        {# One action of a session begins it. #}
        max(case when is_start then {{ hash_to_text('user_action_hk') }} end) as first_action_key,
        user_hk,
        platform,
        min(event_date) as event_date,
        min(event_at) as started_at,
        max(event_at) as ended_at,
        count(*) as action_count,
        count(case when event_name = 'view' then 1 end) as view_count,
        count(case when event_name = 'click' then 1 end) as click_count,
        count(case when event_name = 'purchase' then 1 end) as purchase_count
    from numbered
    group by user_hk, platform, session_number
)

select *
from sessions
where {{ affected_dates('event_date') }}
