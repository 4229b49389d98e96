{#
    Whose a line item was at any time, and what each level was called, cost and allowed then. A row
    ends where the line item moves, or a version of it, of its campaign or of its advertiser ends;
    there is none while the campaigns database has no such line item or campaign. An advertiser that
    it does not have (yet, or any longer) has no name.

    Facts of what is gone, or came before it was described, find their dimensions with `as_of`.
#}
with chains as (
    select * from {{ ref('bridge_campaign_hierarchy') }}
),

stretches as (
    select
        chains.line_item_hk,
        chains.campaign_hk,
        chains.advertiser_hk,
        line_items.line_item_hashdiff,
        line_items.line_item_effective_from,
        campaigns.campaign_hashdiff,
        campaigns.campaign_effective_from,
        advertisers.advertiser_hashdiff,
        advertisers.advertiser_effective_from,
        coalesce(advertisers.is_present, false) as is_advertiser_present,
        greatest(
            chains.valid_from,
            line_items.valid_from,
            campaigns.valid_from,
            advertisers.valid_from
        ) as valid_from,
        least(
            chains.valid_to, line_items.valid_to, campaigns.valid_to, advertisers.valid_to
        ) as valid_to
    from chains
    inner join {{ ref('pit_line_item') }} as line_items
        on chains.line_item_hk = line_items.line_item_hk
    inner join {{ ref('pit_campaign') }} as campaigns
        on chains.campaign_hk = campaigns.campaign_hk
    inner join {{ ref('pit_advertiser') }} as advertisers
        on chains.advertiser_hk = advertisers.advertiser_hk
),

hierarchy as (
    select
        {{ hash_to_text(hash_key([
            'hub_line_item.line_item_bk', 'stretches.valid_from:timestamp'
        ])) }} as campaign_hierarchy_key,
        {{ hash_to_text('stretches.line_item_hk') }} as line_item_key,
        hub_line_item.line_item_bk as line_item_id,
        line_items.line_item_name,
        line_items.pricing_model,
        line_items.rate_micros,
        line_items.currency_code,
        line_items.budget_micros,
        line_items.flight_start_at,
        line_items.flight_end_at,
        line_items.status as line_item_status,
        {{ hash_to_text('stretches.campaign_hk') }} as campaign_key,
        hub_campaign.campaign_bk as campaign_id,
        campaigns.campaign_name,
        campaigns.objective,
        campaigns.status as campaign_status,
        {{ hash_to_text('stretches.advertiser_hk') }} as advertiser_key,
        hub_advertiser.advertiser_bk as advertiser_id,
        advertisers.advertiser_name,
        stretches.is_advertiser_present,
        stretches.valid_from,
        stretches.valid_to,
        stretches.valid_to = timestamp '9999-12-31 00:00:00' as is_current
    from stretches
    inner join {{ ref('hub_line_item') }} as hub_line_item
        on stretches.line_item_hk = hub_line_item.line_item_hk
    inner join {{ ref('hub_campaign') }} as hub_campaign
        on stretches.campaign_hk = hub_campaign.campaign_hk
    inner join {{ ref('hub_advertiser') }} as hub_advertiser
        on stretches.advertiser_hk = hub_advertiser.advertiser_hk
    {{ pit_version(ref('sat_line_item__campaigns'), 'line_items', 'line_item', 'stretches') }}
    {{ pit_version(ref('sat_campaign__campaigns'), 'campaigns', 'campaign', 'stretches') }}
    {{ pit_version(ref('sat_advertiser__campaigns'), 'advertisers', 'advertiser', 'stretches') }}
    where stretches.valid_from < stretches.valid_to
)

select * from hierarchy
