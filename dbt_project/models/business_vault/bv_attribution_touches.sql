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

{% set shared = [
    'attribution_touch_hk',
    'conversion_hk',
    'conversion_id',
    'conversion_at',
    'event_date',
    'advertiser_hk',
    'user_hk',
    'conversion_type',
    'conversion_value_micros',
    'currency_code',
    'impression_hk',
    'touch_at',
    'line_item_hk',
    'campaign_hk',
    'creative_hk',
    'placement_hk',
    'channel',
    'attribution_model',
] %}

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
        {%- for column in shared %}
        clicks.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from clicks
    union all
    select
        'view' as touch_type,
        views.impression_hk as touch_hk,
        views.impression_id as touch_id,
        {%- for column in shared %}
        views.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
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

{# An id with conversions days apart is an id conflict that slipped in: each has a path of its own. #}
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
