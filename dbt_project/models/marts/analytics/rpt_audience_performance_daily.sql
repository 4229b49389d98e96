{#
    Campaigns by who saw them: the age band and gender that the profile of the event's own user id had at
    that moment. A profile says nothing of what came before it, and a later one restates nothing; without
    consent, an id or a profile, and after its deletion, both are `unknown`. Clicks count at their own
    time; orphans belong to no campaign and are left out.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects(dimensions=['line_items']) + [
        {'input': 'campaigns.user_profiles', 'by': 'effective_from'},
    ]}
) }}

with delivery as (
    select
        event_date,
        event_at,
        line_item_key,
        user_key,
        1 as impression_count,
        case when is_invalid then 0 else 1 end as net_impression_count,
        0 as click_count,
        0 as net_click_count
    from {{ ref('fct_impressions') }}
    where {{ affected_dates('event_date') }}
    union all
    select
        event_date,
        event_at,
        line_item_key,
        user_key,
        0 as impression_count,
        0 as net_impression_count,
        1 as click_count,
        case when click_class = 'net' then 1 else 0 end as net_click_count
    from {{ ref('fct_clicks') }}
    where
        {{ affected_dates('event_date') }}
        and click_class <> 'orphan'
),

by_audience as (
    select
        delivery.event_date,
        line_items.campaign_key,
        coalesce(profiles.age_band, 'unknown') as age_band,
        coalesce(profiles.gender, 'unknown') as gender,
        cast(sum(delivery.impression_count) as bigint) as gross_impression_count,
        cast(sum(delivery.net_impression_count) as bigint) as net_impression_count,
        cast(sum(delivery.click_count) as bigint) as gross_click_count,
        cast(sum(delivery.net_click_count) as bigint) as net_click_count
    from delivery
    {{ as_of(ref('dim_line_items'), 'line_items', 'line_item_key',
             'delivery.line_item_key', 'delivery.event_at') }}
    {{ profile_at(ref('bv_user_profiles'), 'profiles',
                  'delivery.user_key', 'delivery.event_at') }}
    group by
        delivery.event_date,
        line_items.campaign_key,
        coalesce(profiles.age_band, 'unknown'),
        coalesce(profiles.gender, 'unknown')
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'by_audience.event_date:date', 'by_audience.campaign_key', 'by_audience.age_band',
            'by_audience.gender',
        ])) }} as audience_performance_key,
        by_audience.event_date,
        by_audience.campaign_key,
        campaigns.campaign_id,
        by_audience.age_band,
        by_audience.gender,
        by_audience.gross_impression_count,
        by_audience.net_impression_count,
        by_audience.gross_click_count,
        by_audience.net_click_count,
        {{ rate('by_audience.net_click_count', 'by_audience.net_impression_count') }} as ctr_rate
    from by_audience
    left join {{ ref('dim_campaigns') }} as campaigns
        on by_audience.campaign_key = campaigns.campaign_key and campaigns.is_current
)

select * from report
