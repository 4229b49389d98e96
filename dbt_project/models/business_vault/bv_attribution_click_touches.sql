{#
    The net clicks that a conversion may owe something to: of the same user id (the click's own) and
    the same advertiser, strictly before it, at most the click window of their line item earlier, for a
    conversion type that the line item counts. Window, types and owner are those of the click's own
    moment. No window is wider than `max_click_window_days`, which bounds what a build reads.
#}
{% set click_days = var('max_click_window_days') %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': attribution_effects()}
) }}

with conversions as (
    select * from {{ ref('bv_conversions') }}
    where
        {{ affected_dates('event_date') }}
        and user_hk is not null
),

net as (
    select click_hk
    from {{ ref('bv_click_classes') }}
    where
        {{ affected_dates('event_date', days_before=click_days) }}
        and click_class = 'net'
),

clicks as (
    select * from {{ ref('bv_clicks') }}
    where
        {{ affected_dates('event_date', days_before=click_days) }}
        and user_hk in (select conversions.user_hk from conversions)
        and click_hk in (select net.click_hk from net)
),

touches as (
    {{ touches_in_window(
        'conversions', 'clicks', 'click', ref('bv_line_item_versions'), 'click',
        'least(versions.click_window_days, ' ~ click_days ~ ') * 86400000000'
    ) }}
)

select * from touches
