{#
    Reach of people beside reach of ids. A view, because whose ids are one person is known better every
    day, and that rebuilds no facts: every date is told by the persons known now.
#}
{{ config(materialized='view') }}

with frequencies as (
    select
        event_date,
        breakdown,
        breakdown_value,
        user_key,
        net_impression_count
    from {{ ref('fct_user_frequency_daily') }}
    where breakdown in ('total', 'campaign')
),

persons as (
    select
        user_key,
        person_key
    from {{ ref('dim_users') }}
),

reach as (
    select
        frequencies.event_date,
        frequencies.breakdown,
        frequencies.breakdown_value,
        count(*) as reach_count,
        count(distinct coalesce(persons.person_key, frequencies.user_key)) as person_reach_count,
        cast(sum(frequencies.net_impression_count) as bigint) as identified_net_impression_count
    from frequencies
    left join persons
        on frequencies.user_key = persons.user_key
    group by frequencies.event_date, frequencies.breakdown, frequencies.breakdown_value
),

report as (
    select
        {{ hash_to_text(hashdiff(['event_date:date', 'breakdown', 'breakdown_value'])) }}
            as reach_key,
        event_date,
        breakdown,
        breakdown_value,
        reach_count,
        person_reach_count,
        identified_net_impression_count,
        {{ rate('identified_net_impression_count', 'person_reach_count') }} as person_frequency_rate
    from reach
)

select * from report
