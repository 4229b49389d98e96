{#
    How often each id saw net impressions, by each value it is asked for: reach and frequency of any
    period follow from it exactly. Campaign, advertiser and site as of the impression. A value that an
    impression does not have makes no row; nor does an impression without an id.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    cluster_by=['breakdown', 'breakdown_value'],
    meta={'date_effects': verdict_effects(clicks=false, dimensions=['line_items', 'campaigns', 'placements'])}
) }}

with impressions as (
    select
        event_date,
        event_at,
        user_key,
        line_item_key,
        creative_key,
        placement_key,
        channel,
        country_code,
        device_type
    from {{ ref('fct_impressions') }}
    where
        {{ affected_dates('event_date') }}
        and user_key is not null
        and not is_invalid
),

described as (
    select
        impressions.event_date,
        impressions.user_key,
        campaigns.advertiser_id,
        line_items.campaign_id,
        line_items.line_item_id,
        creatives.creative_id,
        placements.site_id,
        impressions.channel,
        impressions.country_code,
        impressions.device_type,
        count(*) as impression_count
    from impressions
    {{ as_of(ref('dim_line_items'), 'line_items', 'line_item_key',
             'impressions.line_item_key', 'impressions.event_at') }}
    {{ as_of(ref('dim_campaigns'), 'campaigns', 'campaign_key',
             'line_items.campaign_key', 'impressions.event_at') }}
    {{ as_of(ref('dim_placements'), 'placements', 'placement_key',
             'impressions.placement_key', 'impressions.event_at') }}
    left join {{ ref('dim_creatives') }} as creatives
        on impressions.creative_key = creatives.creative_key and creatives.is_current
    group by
        impressions.event_date,
        impressions.user_key,
        campaigns.advertiser_id,
        line_items.campaign_id,
        line_items.line_item_id,
        creatives.creative_id,
        placements.site_id,
        impressions.channel,
        impressions.country_code,
        impressions.device_type
),

breakdowns as (
    {%- for breakdown in [
        'total', 'advertiser', 'campaign', 'line_item', 'creative', 'site', 'channel', 'country',
        'device_type',
    ] %}
    select '{{ breakdown }}' as breakdown
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

by_breakdown as (
    select
        described.event_date,
        breakdowns.breakdown,
        case breakdowns.breakdown
            when 'total' then 'total'
            when 'advertiser' then described.advertiser_id
            when 'campaign' then described.campaign_id
            when 'line_item' then described.line_item_id
            when 'creative' then described.creative_id
            when 'site' then described.site_id
            when 'channel' then described.channel
            when 'country' then described.country_code
            when 'device_type' then described.device_type
        end as breakdown_value,
        described.user_key,
        described.impression_count
    from described
    cross join breakdowns
),

frequencies as (
    select
        {{ hash_to_text(hashdiff([
            'event_date:date', 'breakdown', 'breakdown_value', 'user_key',
        ])) }} as user_frequency_key,
        event_date,
        breakdown,
        breakdown_value,
        user_key,
        cast(sum(impression_count) as bigint) as net_impression_count
    from by_breakdown
    where breakdown_value is not null
    group by event_date, breakdown, breakdown_value, user_key
)

select * from frequencies
