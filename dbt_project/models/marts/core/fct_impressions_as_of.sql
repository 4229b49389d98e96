{#
    For BI: what the dimensions said when the impression happened. A view, because a changed dimension
    then needs no rebuilt facts.
#}
{{ config(materialized='view') }}

with facts as (
    select
        impressions.impression_key,
        impressions.impression_id,
        impressions.event_at,
        impressions.event_date,
        impressions.event_hour,
        {{ date_in_zone('impressions.event_at', "coalesce(advertisers.time_zone, 'UTC')") }}
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
        impressions.user_key,
        impressions.channel,
        impressions.country_code,
        impressions.region,
        impressions.device_type,
        impressions.ad_format,
        impressions.exchange,
        impressions.experiment_arm,
        impressions.clearing_price_micros,
        impressions.currency_code,
        impressions.is_invalid,
        impressions.invalid_reason_code
    from {{ ref('fct_impressions') }} as impressions
    {{ as_of(ref('dim_line_items'), 'line_items', 'line_item_key',
             'impressions.line_item_key', 'impressions.event_at') }}
    {{ as_of(ref('dim_campaigns'), 'campaigns', 'campaign_key',
             'line_items.campaign_key', 'impressions.event_at') }}
    {{ as_of(ref('dim_advertisers'), 'advertisers', 'advertiser_key',
             'campaigns.advertiser_key', 'impressions.event_at') }}
    {{ as_of(ref('dim_creatives'), 'creatives', 'creative_key',
             'impressions.creative_key', 'impressions.event_at') }}
    {{ as_of(ref('dim_placements'), 'placements', 'placement_key',
             'impressions.placement_key', 'impressions.event_at') }}
    {{ as_of(ref('dim_sites'), 'sites', 'site_key',
             'placements.site_key', 'impressions.event_at') }}
    {{ as_of(ref('dim_publishers'), 'publishers', 'publisher_key',
             'sites.publisher_key', 'impressions.event_at') }}
)

select * from facts
