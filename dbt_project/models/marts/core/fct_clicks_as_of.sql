{#
    For BI: what the dimensions of a click's impression said when the click happened; nothing for an
    orphan. A view, because a changed dimension then needs no rebuilt facts.
#}
{{ config(materialized='view') }}

with facts as (
    select
        clicks.click_key,
        clicks.click_id,
        clicks.event_at,
        clicks.event_date,
        clicks.event_hour,
        {{ date_in_zone('clicks.event_at', "coalesce(advertisers.time_zone, 'UTC')") }}
            as advertiser_date,
        line_items.line_item_id,
        line_items.line_item_name,
        line_items.pricing_model,
        campaigns.campaign_id,
        campaigns.campaign_name,
        advertisers.advertiser_id,
        advertisers.advertiser_name,
        creatives.creative_id,
        creatives.creative_name,
        placements.placement_id,
        placements.placement_name,
        sites.site_id,
        sites.domain_or_bundle,
        publishers.publisher_id,
        publishers.publisher_name,
        clicks.user_key,
        clicks.channel,
        clicks.country_code,
        clicks.region,
        clicks.device_type,
        clicks.ad_format,
        clicks.exchange,
        clicks.experiment_arm,
        clicks.click_class,
        clicks.invalid_reason_code,
        clicks.impression_key
    from {{ ref('fct_clicks') }} as clicks
    {{ as_of(ref('dim_line_items'), 'line_items', 'line_item_key',
             'clicks.line_item_key', 'clicks.event_at') }}
    {{ as_of(ref('dim_campaigns'), 'campaigns', 'campaign_key',
             'line_items.campaign_key', 'clicks.event_at') }}
    {{ as_of(ref('dim_advertisers'), 'advertisers', 'advertiser_key',
             'campaigns.advertiser_key', 'clicks.event_at') }}
    {{ as_of(ref('dim_creatives'), 'creatives', 'creative_key',
             'clicks.creative_key', 'clicks.event_at') }}
    {{ as_of(ref('dim_placements'), 'placements', 'placement_key',
             'clicks.placement_key', 'clicks.event_at') }}
    {{ as_of(ref('dim_sites'), 'sites', 'site_key',
             'placements.site_key', 'clicks.event_at') }}
    {{ as_of(ref('dim_publishers'), 'publishers', 'publisher_key',
             'sites.publisher_key', 'clicks.event_at') }}
)

select * from facts
