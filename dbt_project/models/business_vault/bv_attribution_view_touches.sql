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
    select
        {{ hash_key([
            'conversions.conversion_id', "'view'", 'impressions.impression_id'
        ]) }} as attribution_touch_hk,
        conversions.conversion_hk,
        conversions.conversion_id,
        conversions.event_at as conversion_at,
        conversions.event_date,
        conversions.advertiser_hk,
        conversions.user_hk,
        conversions.conversion_type,
        cast(round(conversions.conversion_value * 1000000) as bigint) as conversion_value_micros,
        conversions.currency_code,
        impressions.impression_hk,
        impressions.impression_id,
        impressions.event_at as touch_at,
        impressions.line_item_hk,
        versions.campaign_hk,
        impressions.creative_hk,
        impressions.placement_hk,
        impressions.channel,
        versions.attribution_model
    from conversions
    inner join impressions
        on
            conversions.user_hk = impressions.user_hk
            and conversions.event_at > impressions.event_at
    inner join {{ ref('bv_line_item_versions') }} as versions
        on
            conversions.advertiser_hk = versions.advertiser_hk
            and impressions.line_item_hk = versions.line_item_hk
            and impressions.event_at >= versions.as_of_from
            and impressions.event_at < versions.valid_to
    where
        {{ micros_between('impressions.event_at', 'conversions.event_at') }}
        <= least(versions.view_window_hours, {{ var('max_view_window_hours') }}) * 3600000000
        and (
            versions.conversion_types is null
            or {{ list_has(
                split_text('versions.conversion_types', '|'), 'conversions.conversion_type'
            ) }}
        )
)

select * from touches
