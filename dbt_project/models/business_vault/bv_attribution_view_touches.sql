{#
    The valid impressions that a conversion may owe something to: of the same user id and the same
    advertiser, strictly before it, at most the view window of their line item earlier, for a
    conversion type that the line item counts. Window, types and owner are those of the impression's
    own moment. No window is wider than `max_view_window_hours`, which bounds what a build reads.

    Clicks are apart (bv_attribution_click_touches): their windows are weeks, and impressions are many.
#}
{% set view_days = (var('max_view_window_hours') + 23) // 24 %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': attribution_effects(clicks=false)}
) }}

with conversions as (
    select * from {{ ref('bv_conversions') }}
    where
        {{ affected_dates('event_date') }}
        and user_hk is not null
),

invalid as (
    select impression_hk
    from {{ ref('bv_impression_verdicts') }}
    where {{ affected_dates('event_date', days_before=view_days) }}
),

impressions as (
    select * from {{ ref('bv_impressions') }}
    where
        {{ affected_dates('event_date', days_before=view_days) }}
        and user_hk in (select conversions.user_hk from conversions)
        and impression_hk not in (select invalid.impression_hk from invalid)
),

touches as (
    {{ touches_in_window(
        'conversions', 'impressions', 'impression', ref('bv_line_item_versions'), 'view',
        'least(versions.view_window_hours, ' ~ var('max_view_window_hours') ~ ') * 3600000000'
    ) }}
)

select * from touches
