{#
    Why impressions and clicks are invalid traffic: every reason that holds, of an event's own client
    and behaviour. Nothing is deleted: gross stays gross, and a rule that changes restates its rows.

    Lists (GIVT): what the client says of itself, where its address lies, whether the page was only
    fetched in advance.

    Behaviour (SIVT), of a user id or of an IP pseudonym, whichever shows it; ids of people who do not
    consent are not known, so only their addresses are judged. Bounds are variables:
    - volume, rate: in a UTC clock hour more than `sivt_max_impressions_per_hour` impressions, more
      than `sivt_max_clicks_per_hour` clicks, or, with at least `sivt_min_impressions_for_ctr`
      impressions, more than `sivt_max_ctr_percent` clicks in a hundred: all of the hour's events;
    - impossible travel: two successive impressions of a user id whose places are known, at least
      `sivt_min_travel_metres` apart, and further than `sivt_max_speed_kmh` allows: both;
    - fast click: less than `min_click_delay_ms` after its impression;
    - click flood: at least `sivt_click_flood_count` clicks of a user id in the
      `sivt_click_flood_seconds` before a conversion of that id, on whatever: those clicks. Whose
      clicks they are is not asked: it may be described late, which would restate verdicts for ever;
    - id reuse: one impression id with differing content within one source.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects(clicks=false) + [
        {'input': 'adserver.conversions', 'days_before': 1},
    ]}
) }}

with impressions as (
    select
        impression_hk,
        impression_id,
        event_at,
        event_date,
        user_hk,
        ip_pseudonym,
        ip_prefix,
        user_agent,
        latitude,
        longitude,
        is_prefetch
    from {{ ref('bv_impressions') }}
    where {{ affected_dates('event_date', days_before=1, days_after=1) }}
),

clicks as (
    select
        click_hk,
        event_at,
        event_date,
        impression_at,
        user_hk,
        ip_pseudonym,
        ip_prefix,
        user_agent
    from {{ ref('bv_clicks') }}
    where {{ affected_dates('event_date', days_before=1, days_after=1) }}
),

conversions as (
    select
        conversion_hk,
        event_at,
        user_hk
    from {{ ref('bv_conversions') }}
    where
        {{ affected_dates('event_date', days_after=1) }}
        and user_hk is not null
),

content_conflicts as (
    select
        impression_hk,
        event_date
    from {{ ref('bv_impression_content_conflicts') }}
    where {{ affected_dates('event_date', days_before=1, days_after=1) }}
    group by impression_hk, event_date
),

events as (
    select
        'impression' as event_type,
        impression_hk as event_hk,
        event_date,
        extract(hour from event_at) as event_hour,
        user_hk,
        ip_pseudonym,
        ip_prefix,
        user_agent
    from impressions
    where {{ affected_dates('event_date') }}
    union all
    select
        'click' as event_type,
        click_hk as event_hk,
        event_date,
        extract(hour from event_at) as event_hour,
        user_hk,
        ip_pseudonym,
        ip_prefix,
        user_agent
    from clicks
    where {{ affected_dates('event_date') }}
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

with_reused_ids as (
    select
        'impression' as event_type,
        impressions.impression_hk as event_hk,
        impressions.event_date,
        'sivt_id_reuse' as reason_code
    from impressions
    inner join content_conflicts
        on
            impressions.impression_hk = content_conflicts.impression_hk
            and content_conflicts.event_date
            between {{ add_days('impressions.event_date', -1) }}
            and {{ add_days('impressions.event_date', 1) }}
),

{% for actor in ['user_hk', 'ip_pseudonym'] %}
counted_by_{{ actor }} as (
    select
        {{ actor }},
        event_date,
        event_hour,
        sum(case when event_type = 'impression' then 1 else 0 end) as impression_count,
        sum(case when event_type = 'click' then 1 else 0 end) as click_count
    from events
    where {{ actor }} is not null
    group by {{ actor }}, event_date, event_hour
),

suspected_by_{{ actor }} as (
    select
        {{ actor }},
        event_date,
        event_hour,
        impression_count > {{ var('sivt_max_impressions_per_hour') }} as has_many_impressions,
        click_count > {{ var('sivt_max_clicks_per_hour') }} as has_many_clicks,
        (
            impression_count >= {{ var('sivt_min_impressions_for_ctr') }}
            and click_count * 100 > impression_count * {{ var('sivt_max_ctr_percent') }}
        ) as has_high_rate
    from counted_by_{{ actor }}
),

events_by_{{ actor }} as (
    select
        events.event_type,
        events.event_hk,
        events.event_date,
        suspected_by_{{ actor }}.has_many_impressions,
        suspected_by_{{ actor }}.has_many_clicks,
        suspected_by_{{ actor }}.has_high_rate
    from events
    inner join suspected_by_{{ actor }}
        on
            events.{{ actor }} = suspected_by_{{ actor }}.{{ actor }}
            and events.event_date = suspected_by_{{ actor }}.event_date
            and events.event_hour = suspected_by_{{ actor }}.event_hour
    where
        suspected_by_{{ actor }}.has_many_impressions
        or suspected_by_{{ actor }}.has_many_clicks
        or suspected_by_{{ actor }}.has_high_rate
),

{% endfor %}

fast_clicks as (
    select
        'click' as event_type,
        click_hk as event_hk,
        event_date,
        'sivt_fast_click' as reason_code
    from clicks
    where
        {{ micros_between('impression_at', 'event_at') }} < {{ var('min_click_delay_ms') * 1000 }}
),

steps as (
    select
        impression_hk,
        event_at,
        event_date,
        latitude,
        longitude,
        lag(impression_hk) over (
            partition by user_hk order by event_at, impression_id
        ) as previous_impression_hk,
        lag(event_at) over (partition by user_hk order by event_at, impression_id) as previous_at,
        lag(event_date) over (
            partition by user_hk order by event_at, impression_id
        ) as previous_date,
        lag(latitude) over (
            partition by user_hk order by event_at, impression_id
        ) as previous_latitude,
        lag(longitude) over (
            partition by user_hk order by event_at, impression_id
        ) as previous_longitude
    from impressions
    where
        user_hk is not null
        and latitude is not null
        and longitude is not null
),

{# Only the day before is read for certain, and no pair on Earth needs more time than that. #}
travels as (
    select
        *,
        {{ micros_between('previous_at', 'event_at') }} as elapsed_micros,
        {{ distance_metres(
            'previous_latitude', 'previous_longitude', 'latitude', 'longitude'
        ) }} as distance
    from steps
    where
        previous_date >= {{ add_days('event_date', -1) }}
        and (latitude <> previous_latitude or longitude <> previous_longitude)
),

impossible_travels as (
    select *
    from travels
    where
        distance >= {{ var('sivt_min_travel_metres') }}
        and distance * 3600000 > {{ var('sivt_max_speed_kmh') }} * elapsed_micros
),

travelled as (
    select
        'impression' as event_type,
        impression_hk as event_hk,
        event_date,
        'sivt_impossible_travel' as reason_code
    from impossible_travels
    union all
    select
        'impression' as event_type,
        previous_impression_hk as event_hk,
        previous_date as event_date,
        'sivt_impossible_travel' as reason_code
    from impossible_travels
),

clicks_before_conversions as (
    select
        clicks.click_hk,
        clicks.event_date,
        count(*) over (partition by conversions.conversion_hk) as click_count
    from clicks
    inner join conversions
        on
            clicks.user_hk = conversions.user_hk
            and clicks.event_at < conversions.event_at
            and {{ micros_between('clicks.event_at', 'conversions.event_at') }}
            <= {{ var('sivt_click_flood_seconds') * 1000000 }}
),

click_floods as (
    select
        'click' as event_type,
        click_hk as event_hk,
        event_date,
        'sivt_click_flood' as reason_code
    from clicks_before_conversions
    where click_count >= {{ var('sivt_click_flood_count') }}
),

found as (
    select * from prefetched
    union all
    select * from with_invalid_user_agents
    union all
    select * from without_user_agents
    union all
    select * from from_data_centres
    union all
    select * from with_reused_ids
    union all
    select * from travelled
    {%- for actor in ['user_hk', 'ip_pseudonym'] %}
    {%- for flag, reason in [
        ('has_many_impressions', 'sivt_impression_volume'),
        ('has_many_clicks', 'sivt_click_volume'),
        ('has_high_rate', 'sivt_click_rate'),
    ] %}
    union all
    select
        event_type,
        event_hk,
        event_date,
        '{{ reason }}' as reason_code
    from events_by_{{ actor }}
    where {{ flag }}
    {%- endfor %}
    {%- endfor %}
    union all
    select * from fast_clicks
    union all
    select * from click_floods
),

{# A user id and its address may both show a reason, and an impression may be on two ways. #}
distinct_reasons as (
    select distinct
        event_type,
        event_hk,
        event_date,
        reason_code
    from found
    where {{ affected_dates('event_date') }}
),

verdicts as (
    select
        distinct_reasons.event_type,
        distinct_reasons.event_hk,
        distinct_reasons.event_date,
        distinct_reasons.reason_code,
        reasons.invalid_traffic_type,
        reasons.precedence,
        reasons.rule_version
    from distinct_reasons
    inner join {{ ref('invalid_traffic_reasons') }} as reasons
        on distinct_reasons.reason_code = reasons.reason_code
)

select * from verdicts
