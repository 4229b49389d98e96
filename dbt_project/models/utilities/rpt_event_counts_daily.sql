{#
    What rpt_number_chain needs of events and no report has: counts by date, so that following a number
    never reads events again. Impressions and clicks by the source that is believed.
#}
{%- set counts = [
    {'name': 'impressions', 'part': 'record_source', 'relation': 'bv_impressions'},
    {'name': 'clicks', 'part': 'record_source', 'relation': 'bv_clicks'},
    {'name': 'viewability_intervals', 'part': "'all'", 'relation': 'nhl_viewability__ad_events'},
    {'name': 'video_events', 'relation': 'fct_video_events', 'part':
     "case when impression_key is null then 'orphan' when is_invalid then 'invalid' else 'net' end"},
    {'name': 'user_actions', 'part': "'all'", 'relation': 'fct_user_actions'},
    {'name': 'auctions', 'part': "'all'", 'relation': 'nhl_auction__exchange'},
    {'name': 'slots', 'part': "'all'", 'relation': 'fct_auction_imps'},
] %}
{{ config(
    materialized='incremental',
    contract={'enforced': true},
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': [
        {'input': 'ad_events.events', 'days_before': 3, 'days_after': 3},
        {'input': 'adserver.impressions', 'days_before': 2, 'days_after': 2},
        {'input': 'adserver.clicks', 'days_before': 2, 'days_after': 2},
        {'input': 'user_events.events'},
        {'input': 'exchange.bid_requests'},
    ]}
) }}

with events as (
    {%- for count in counts %}
    select
        event_date,
        '{{ count['name'] }}' as number_name,
        {{ count['part'] }} as part_name,
        count(*) as event_count
    from {{ ref(count['relation']) }}
    where {{ affected_dates('event_date') }}
    group by event_date{{ '' if count['part'].startswith("'") else ', ' ~ count['part'] }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

counted as (
    select
        event_date,
        number_name,
        part_name,
        cast(event_count as bigint) as event_count
    from events
)

select * from counted
