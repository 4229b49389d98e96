-- The chain line item -> campaign -> advertiser is in the vault twice: as relations with their
-- times, and as an attribute of each version. Both must say the same, and call the three the same,
-- at the beginning of each stretch of the hierarchy, and now for each line item that is there.
with hierarchy as (
    select * from {{ ref('rpt_campaign_hierarchy') }}
),

contradicted as (
    select
        hierarchy.line_item_key,
        hierarchy.campaign_key,
        hierarchy.advertiser_key,
        hierarchy.valid_from
    from hierarchy
    {{ as_of(ref('dim_line_items'), 'line_items', 'line_item_key',
             'hierarchy.line_item_key', 'hierarchy.valid_from') }}
    {{ as_of(ref('dim_campaigns'), 'campaigns', 'campaign_key',
             'hierarchy.campaign_key', 'hierarchy.valid_from') }}
    {{ as_of(ref('dim_advertisers'), 'advertisers', 'advertiser_key',
             'hierarchy.advertiser_key', 'hierarchy.valid_from') }}
    where
        hierarchy.campaign_key is distinct from line_items.campaign_key
        or hierarchy.advertiser_key is distinct from campaigns.advertiser_key
        or hierarchy.line_item_name is distinct from line_items.line_item_name
        or hierarchy.campaign_name is distinct from campaigns.campaign_name
        or (
            hierarchy.is_advertiser_present
            and (
                advertisers.is_deleted
                or hierarchy.advertiser_name is distinct from advertisers.advertiser_name
            )
        )
        or coalesce(line_items.is_deleted, true)
        or coalesce(campaigns.is_deleted, true)
),

missing as (
    select
        line_items.line_item_key,
        campaigns.campaign_key,
        campaigns.advertiser_key,
        line_items.valid_from
    from {{ ref('dim_line_items') }} as line_items
    inner join {{ ref('dim_campaigns') }} as campaigns
        on line_items.campaign_key = campaigns.campaign_key and campaigns.is_current
    left join hierarchy
        on
            line_items.line_item_key = hierarchy.line_item_key
            and campaigns.campaign_key = hierarchy.campaign_key
            and campaigns.advertiser_key = hierarchy.advertiser_key
            and hierarchy.is_current
    where
        line_items.is_current
        and not line_items.is_inferred
        and not line_items.is_deleted
        and not campaigns.is_inferred
        and not campaigns.is_deleted
        and hierarchy.line_item_key is null
)

select * from contradicted
union all
select * from missing
