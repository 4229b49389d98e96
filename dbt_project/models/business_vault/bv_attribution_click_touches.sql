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
    select
        {{ hash_key([
            'conversions.conversion_id', "'click'", 'clicks.click_id'
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
        clicks.click_hk,
        clicks.click_id,
        clicks.impression_hk,
        clicks.event_at as touch_at,
        clicks.line_item_hk,
        versions.campaign_hk,
        clicks.creative_hk,
        clicks.placement_hk,
        clicks.channel,
        versions.attribution_model
    from conversions
    inner join clicks
        on
            conversions.user_hk = clicks.user_hk
            and conversions.event_at > clicks.event_at
    inner join {{ ref('bv_line_item_versions') }} as versions
        on
            conversions.advertiser_hk = versions.advertiser_hk
            and clicks.line_item_hk = versions.line_item_hk
            and clicks.event_at >= versions.as_of_from
            and clicks.event_at < versions.valid_to
    where
        {{ micros_between('clicks.event_at', 'conversions.event_at') }}
        <= least(versions.click_window_days, {{ click_days }}) * 86400000000
        and (
            versions.conversion_types is null
            or {{ list_has(
                split_text('versions.conversion_types', '|'), 'conversions.conversion_type'
            ) }}
        )
)

select * from touches
