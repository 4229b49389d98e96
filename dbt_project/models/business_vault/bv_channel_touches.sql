{#
    What data-driven attribution is fitted on: every net click and every valid impression of a user id, with
    its channel, whatever came of it. Nearly all traffic leads to nothing, so `attribution_fit_percent`
    takes a sample of the ids, by their hash: the same for paths that convert and paths that do not.
#}
{% set percent = var('attribution_fit_percent') %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects(dimensions=['line_items', 'campaigns'])}
) }}

with net as (
    select click_hk
    from {{ ref('bv_click_classes') }}
    where
        {{ affected_dates('event_date') }}
        and click_class = 'net'
),

clicks as (
    select * from {{ ref('bv_clicks') }}
    where
        {{ affected_dates('event_date') }}
        and user_hk is not null
        and click_hk in (select net.click_hk from net)
),

invalid as (
    select impression_hk
    from {{ ref('bv_impression_verdicts') }}
    where {{ affected_dates('event_date') }}
),

impressions as (
    select * from {{ ref('bv_impressions') }}
    where
        {{ affected_dates('event_date') }}
        and user_hk is not null
        and impression_hk not in (select invalid.impression_hk from invalid)
),

touches as (
    select
        clicks.click_hk as touch_hk,
        clicks.click_id as touch_id,
        'click' as touch_type,
        clicks.impression_hk,
        clicks.event_at as touch_at,
        clicks.event_date,
        clicks.user_hk,
        clicks.line_item_hk,
        clicks.channel
    from clicks
    union all
    select
        impressions.impression_hk as touch_hk,
        impressions.impression_id as touch_id,
        'view' as touch_type,
        impressions.impression_hk,
        impressions.event_at as touch_at,
        impressions.event_date,
        impressions.user_hk,
        impressions.line_item_hk,
        impressions.channel
    from impressions
),

of_advertisers as (
    select
        touches.touch_hk,
        touches.touch_id,
        touches.touch_type,
        touches.impression_hk,
        touches.touch_at,
        touches.event_date,
        touches.user_hk,
        versions.advertiser_hk,
        touches.channel
    from touches
    inner join {{ ref('bv_line_item_versions') }} as versions
        on
            touches.line_item_hk = versions.line_item_hk
            and touches.touch_at >= versions.as_of_from
            and touches.touch_at < versions.valid_to
    where
        versions.advertiser_hk is not null
        and mod({{ sketch_value('touches.user_hk') }}, 100) < {{ percent }}
)

select * from of_advertisers
