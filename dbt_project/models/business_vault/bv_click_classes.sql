{#
    The one class of each gross click, in this precedence:
    - orphan: no impression in the days before it;
    - invalid: a verdict of its own, or its impression's;
    - repeat: right after the previous click on the impression;
    - net: all others.
    Apart from bv_clicks, because verdicts look at clicks, and the class looks at verdicts.
#}
{% set max_age = var('max_click_age_days') %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects()}
) }}

with clicks as (
    select
        click_hk,
        event_date,
        impression_hk,
        cast(impression_at as date) as impression_date,
        is_orphan,
        is_repeat
    from {{ ref('bv_clicks') }}
    where {{ affected_dates('event_date') }}
),

impression_verdicts as (
    select
        impression_hk,
        event_date
    from {{ ref('bv_impression_verdicts') }}
    where {{ affected_dates('event_date', days_before=max_age) }}
),

own_verdicts as (
    select
        event_hk as click_hk,
        event_date,
        min(precedence) as precedence
    from {{ ref('bv_invalid_traffic') }}
    where
        event_type = 'click'
        and {{ affected_dates('event_date') }}
    group by event_hk, event_date
),

clicks_with_verdicts as (
    select
        clicks.*,
        impression_verdicts.impression_hk is not null as is_invalid_by_impression,
        own_reasons.reason_code as own_reason_code
    from clicks
    left join impression_verdicts
        on
            clicks.impression_hk = impression_verdicts.impression_hk
            and clicks.impression_date = impression_verdicts.event_date
    left join own_verdicts
        on
            clicks.click_hk = own_verdicts.click_hk
            and clicks.event_date = own_verdicts.event_date
    left join {{ ref('invalid_traffic_reasons') }} as own_reasons
        on own_verdicts.precedence = own_reasons.precedence
),

classes as (
    select
        clicks_with_verdicts.click_hk,
        clicks_with_verdicts.event_date,
        case
            when clicks_with_verdicts.is_orphan then 'orphan'
            when
                clicks_with_verdicts.own_reason_code is not null
                or clicks_with_verdicts.is_invalid_by_impression then 'invalid'
            when clicks_with_verdicts.is_repeat then 'repeat'
            else 'net'
        end as click_class,
        case
            when clicks_with_verdicts.own_reason_code is not null
                then clicks_with_verdicts.own_reason_code
            when clicks_with_verdicts.is_invalid_by_impression then 'invalid_impression'
        end as primary_reason_code,
        clicks_with_verdicts.is_invalid_by_impression
    from clicks_with_verdicts
)

select * from classes
