{#
    Whether delivery kept to the line item's frequency cap. A net impression is over the cap if the one
    that came `frequency_cap_count` before it, of the same id and line item, is at most
    `frequency_cap_hours` before it: then some window of that length holds more than the cap allows. The
    cap is that of the line item's version at the impression. An id is over the cap on a date if one of its
    impressions of that date is.

    Caps reach back at most `max_frequency_cap_hours`; assert_frequency_caps_are_in_reach says if one does
    not.
#}
{% set days = (var('max_frequency_cap_hours') + 23) // 24 %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects(clicks=false, days_after=days, dimensions=['line_items'])}
) }}

with impressions as (
    select
        impression_id,
        event_at,
        event_date,
        line_item_key,
        user_key
    from {{ ref('fct_impressions') }}
    where
        {{ affected_dates('event_date', days_before=days) }}
        and user_key is not null
        and not is_invalid
),

numbered as (
    select
        impressions.event_at,
        impressions.event_date,
        impressions.line_item_key,
        impressions.user_key,
        row_number() over (
            partition by impressions.user_key, impressions.line_item_key
            order by impressions.event_at, impressions.impression_id
        ) as impression_number
    from impressions
),

capped as (
    select
        numbered.event_at,
        numbered.event_date,
        numbered.line_item_key,
        line_items.line_item_id,
        numbered.user_key,
        numbered.impression_number - line_items.frequency_cap_count as earlier_number,
        line_items.frequency_cap_hours
    from numbered
    {{ as_of(ref('dim_line_items'), 'line_items', 'line_item_key',
             'numbered.line_item_key', 'numbered.event_at') }}
    where
        {{ affected_dates('numbered.event_date') }}
        and line_items.frequency_cap_count is not null
        and line_items.frequency_cap_hours is not null
),

judged as (
    select
        capped.event_date,
        capped.line_item_key,
        capped.line_item_id,
        capped.user_key,
        max(
            case
                when
                    {{ micros_between('earlier.event_at', 'capped.event_at') }}
                    <= capped.frequency_cap_hours * 3600000000
                    then 1
                else 0
            end
        ) as is_over_cap
    from capped
    left join numbered as earlier
        on
            capped.user_key = earlier.user_key
            and capped.line_item_key = earlier.line_item_key
            and capped.earlier_number = earlier.impression_number
    group by capped.event_date, capped.line_item_key, capped.line_item_id, capped.user_key
),

report as (
    select
        {{ hash_to_text(hashdiff(['event_date:date', 'line_item_key'])) }} as frequency_cap_key,
        event_date,
        line_item_key,
        line_item_id,
        count(*) as reach_count,
        cast(sum(is_over_cap) as bigint) as over_cap_count,
        {{ rate('count(*) - sum(is_over_cap)', 'count(*)') }} as compliance_rate
    from judged
    group by event_date, line_item_key, line_item_id
)

select * from report
