{#
    Gross and net figures side by side. What belongs to no campaign stands in rows of its own, so that every column adds up
    to the total of the day: conversions know their advertiser only (attribution comes later), orphan
    clicks know nothing.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects(dimensions=['line_items', 'campaigns'])}
) }}

with delivery as (
    select
        event_date,
        line_item_key,
        event_at,
        1 as impression_count,
        case when is_invalid then 1 else 0 end as invalid_impression_count,
        0 as click_count,
        0 as orphan_click_count,
        0 as invalid_click_count,
        0 as repeat_click_count,
        0 as net_click_count
    from {{ ref('fct_impressions') }}
    where {{ affected_dates('event_date') }}
    union all
    select
        event_date,
        line_item_key,
        event_at,
        0 as impression_count,
        0 as invalid_impression_count,
        1 as click_count,
        case when click_class = 'orphan' then 1 else 0 end as orphan_click_count,
        case when click_class = 'invalid' then 1 else 0 end as invalid_click_count,
        case when click_class = 'repeat' then 1 else 0 end as repeat_click_count,
        case when click_class = 'net' then 1 else 0 end as net_click_count
    from {{ ref('fct_clicks') }}
    where {{ affected_dates('event_date') }}
),

conversions as (
    select
        event_date,
        advertiser_key
    from {{ ref('fct_conversions') }}
    where {{ affected_dates('event_date') }}
),

by_campaign as (
    select
        delivery.event_date,
        campaigns.advertiser_key,
        line_items.campaign_key,
        sum(delivery.impression_count) as impression_count,
        sum(delivery.invalid_impression_count) as invalid_impression_count,
        sum(delivery.click_count) as click_count,
        sum(delivery.orphan_click_count) as orphan_click_count,
        sum(delivery.invalid_click_count) as invalid_click_count,
        sum(delivery.repeat_click_count) as repeat_click_count,
        sum(delivery.net_click_count) as net_click_count,
        0 as conversion_count
    from delivery
    {{ as_of(ref('dim_line_items'), 'line_items', 'line_item_key',
             'delivery.line_item_key', 'delivery.event_at') }}
    {{ as_of(ref('dim_campaigns'), 'campaigns', 'campaign_key',
             'line_items.campaign_key', 'delivery.event_at') }}
    group by delivery.event_date, campaigns.advertiser_key, line_items.campaign_key
),

by_advertiser as (
    select
        event_date,
        advertiser_key,
        cast(null as string) as campaign_key,
        0 as impression_count,
        0 as invalid_impression_count,
        0 as click_count,
        0 as orphan_click_count,
        0 as invalid_click_count,
        0 as repeat_click_count,
        0 as net_click_count,
        count(*) as conversion_count
    from conversions
    group by event_date, advertiser_key
),

combined as (
    select * from by_campaign
    union all
    select * from by_advertiser
),

performance as (
    select
        combined.event_date,
        combined.advertiser_key,
        combined.campaign_key,
        cast(sum(combined.impression_count) as bigint) as gross_impression_count,
        cast(sum(combined.invalid_impression_count) as bigint) as invalid_impression_count,
        cast(sum(combined.impression_count - combined.invalid_impression_count) as bigint)
            as net_impression_count,
        cast(sum(combined.click_count) as bigint) as gross_click_count,
        cast(sum(combined.orphan_click_count) as bigint) as orphan_click_count,
        cast(sum(combined.invalid_click_count) as bigint) as invalid_click_count,
        cast(sum(combined.repeat_click_count) as bigint) as repeat_click_count,
        cast(sum(combined.net_click_count) as bigint) as net_click_count,
        cast(sum(combined.conversion_count) as bigint) as conversion_count
    from combined
    group by combined.event_date, combined.advertiser_key, combined.campaign_key
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'performance.event_date:date', 'performance.advertiser_key', 'performance.campaign_key',
        ])) }} as campaign_performance_key,
        performance.event_date,
        performance.advertiser_key,
        advertisers.advertiser_id,
        performance.campaign_key,
        campaigns.campaign_id,
        performance.gross_impression_count,
        performance.invalid_impression_count,
        performance.net_impression_count,
        performance.gross_click_count,
        performance.orphan_click_count,
        performance.invalid_click_count,
        performance.repeat_click_count,
        performance.net_click_count,
        {{ rate('performance.gross_click_count - performance.orphan_click_count',
                'performance.gross_impression_count') }} as gross_ctr_rate,
        {{ rate('performance.net_click_count', 'performance.net_impression_count') }} as ctr_rate,
        {{ rate('performance.invalid_impression_count', 'performance.gross_impression_count') }}
            as invalid_rate,
        performance.conversion_count
    from performance
    left join {{ ref('dim_advertisers') }} as advertisers
        on performance.advertiser_key = advertisers.advertiser_key and advertisers.is_current
    left join {{ ref('dim_campaigns') }} as campaigns
        on performance.campaign_key = campaigns.campaign_key and campaigns.is_current
)

select * from report
