{# The reasons of each invalid impression in one row; that of the least precedence is primary. #}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects(clicks=false)}
) }}

with reasons as (
    select * from {{ ref('bv_invalid_traffic') }}
    where
        event_type = 'impression'
        and {{ affected_dates('event_date') }}
),

by_impression as (
    select
        event_hk as impression_hk,
        event_date,
        min(precedence) as precedence,
        {{ list_to_text(list_of('reason_code', 'precedence')) }} as reason_codes
    from reasons
    group by event_hk, event_date
),

verdicts as (
    select
        by_impression.impression_hk,
        by_impression.event_date,
        primary_reasons.reason_code as primary_reason_code,
        by_impression.reason_codes,
        primary_reasons.rule_version
    from by_impression
    inner join {{ ref('invalid_traffic_reasons') }} as primary_reasons
        on by_impression.precedence = primary_reasons.precedence
)

select * from verdicts
