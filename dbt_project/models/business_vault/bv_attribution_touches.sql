{#
    The path of every conversion that something led to: its click touches, and its view touches less
    the impressions that a touching click belongs to, in the order of their moments, then of their ids.
    A conversion without a touch is organic and has no row here.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': attribution_effects()}
) }}

with clicks as (
    select * from {{ ref('bv_attribution_click_touches') }}
    where {{ affected_dates('event_date') }}
),

views as (
    select * from {{ ref('bv_attribution_view_touches') }}
    where {{ affected_dates('event_date') }}
),

touches as (
    select
        'click' as touch_type,
        clicks.click_hk as touch_hk,
        clicks.click_id as touch_id,
        clicks.attribution_touch_hk,
        clicks.conversion_hk,
        clicks.conversion_id,
        clicks.conversion_at,
        clicks.event_date,
        clicks.advertiser_hk,
        clicks.user_hk,
        clicks.conversion_type,
        clicks.conversion_value_micros,
        clicks.currency_code,
        clicks.impression_hk,
        clicks.touch_at,
        clicks.line_item_hk,
        clicks.campaign_hk,
        clicks.creative_hk,
        clicks.placement_hk,
        clicks.channel,
        clicks.attribution_model
    from clicks
    union all
    select
        'view' as touch_type,
        views.impression_hk as touch_hk,
        views.impression_id as touch_id,
        views.attribution_touch_hk,
        views.conversion_hk,
        views.conversion_id,
        views.conversion_at,
        views.event_date,
        views.advertiser_hk,
        views.user_hk,
        views.conversion_type,
        views.conversion_value_micros,
        views.currency_code,
        views.impression_hk,
        views.touch_at,
        views.line_item_hk,
        views.campaign_hk,
        views.creative_hk,
        views.placement_hk,
        views.channel,
        views.attribution_model
    from views
    where
        not exists (
            select 1
            from clicks
            where
                clicks.conversion_hk = views.conversion_hk
                and clicks.event_date = views.event_date
                and clicks.impression_hk = views.impression_hk
        )
),

{# Conversions of one id days apart are an id conflict that slipped in: each has its own path. #}
numbered as (
    select
        touches.*,
        row_number() over (
            partition by touches.conversion_hk, touches.event_date
            order by touches.touch_at, touches.touch_id, touches.touch_type
        ) as touch_number,
        count(*) over (
            partition by touches.conversion_hk, touches.event_date
        ) as touch_count,
        {{ elapsed('touches.touch_at', 'touches.conversion_at', 'hour') }} as age_hours
    from touches
)

select * from numbered
