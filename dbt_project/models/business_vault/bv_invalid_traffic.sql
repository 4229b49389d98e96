{#
    Why impressions and clicks are invalid traffic: every reason that holds, of an event's own client
    and behaviour. Nothing is deleted: gross stays gross, and a rule that changes restates its rows.

    Lists (GIVT): what the client says of itself, where its address lies, whether the page was only
    fetched in advance.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': [
        {'input': 'ad_events.events', 'days_before': 2, 'days_after': 2},
        {'input': 'adserver.impressions', 'days_before': 1, 'days_after': 1},
        {'input': 'adserver.clicks', 'days_before': 1, 'days_after': 1},
        {'input': 'adserver.conversions', 'days_before': 1},
    ]}
) }}

with impressions as (
    select
        impression_hk,
        event_date,
        ip_prefix,
        user_agent,
        is_prefetch
    from {{ ref('bv_impressions') }}
    where {{ affected_dates('event_date') }}
),

clicks as (
    select
        click_hk,
        event_date,
        ip_prefix,
        user_agent
    from {{ ref('bv_clicks') }}
    where {{ affected_dates('event_date') }}
),

events as (
    select
        'impression' as event_type,
        impression_hk as event_hk,
        event_date,
        ip_prefix,
        user_agent
    from impressions
    union all
    select
        'click' as event_type,
        click_hk as event_hk,
        event_date,
        ip_prefix,
        user_agent
    from clicks
),

user_agents as (
    select distinct user_agent
    from events
    where user_agent is not null
),

named_user_agents as (
    select distinct
        user_agents.user_agent,
        tokens.reason_code
    from user_agents
    inner join {{ ref('invalid_user_agents') }} as tokens
        on strpos({{ lower_text('user_agents.user_agent') }}, tokens.token) > 0
),

prefetched as (
    select
        'impression' as event_type,
        impression_hk as event_hk,
        event_date,
        'givt_prefetch' as reason_code
    from impressions
    where is_prefetch
),

with_invalid_user_agents as (
    select
        events.event_type,
        events.event_hk,
        events.event_date,
        named_user_agents.reason_code
    from events
    inner join named_user_agents on events.user_agent = named_user_agents.user_agent
),

without_user_agents as (
    select
        event_type,
        event_hk,
        event_date,
        'givt_missing_user_agent' as reason_code
    from events
    where coalesce({{ trim_space('user_agent') }}, '') = ''
),

from_data_centres as (
    select
        events.event_type,
        events.event_hk,
        events.event_date,
        'givt_data_centre' as reason_code
    from events
    inner join {{ ref('data_centre_networks') }} as networks
        on events.ip_prefix = networks.ip_prefix
),

found as (
    select * from prefetched
    union all
    select * from with_invalid_user_agents
    union all
    select * from without_user_agents
    union all
    select * from from_data_centres
),

verdicts as (
    select
        found.event_type,
        found.event_hk,
        found.event_date,
        found.reason_code,
        reasons.invalid_traffic_type,
        reasons.precedence,
        reasons.rule_version
    from found
    inner join {{ ref('invalid_traffic_reasons') }} as reasons
        on found.reason_code = reasons.reason_code
)

select * from verdicts
