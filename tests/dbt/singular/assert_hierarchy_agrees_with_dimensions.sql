-- The chain line item -> campaign -> advertiser is in the vault twice: as relations with their
-- times, and as an attribute of each version. Both must say the same: at the beginning of each
-- stretch of the bridge, and now for each line item that is there.
with chains as (
    select
        {{ hash_to_text('line_item_hk') }} as line_item_key,
        {{ hash_to_text('campaign_hk') }} as campaign_key,
        {{ hash_to_text('advertiser_hk') }} as advertiser_key,
        valid_from,
        valid_to
    from {{ ref('bridge_campaign_hierarchy') }}
),

contradicted as (
    select
        chains.line_item_key,
        chains.campaign_key,
        chains.advertiser_key,
        chains.valid_from
    from chains
    {{ as_of(ref('dim_line_items'), 'line_items', 'line_item_key',
             'chains.line_item_key', 'chains.valid_from') }}
    {{ as_of(ref('dim_campaigns'), 'campaigns', 'campaign_key',
             'chains.campaign_key', 'chains.valid_from') }}
    where
        chains.campaign_key is distinct from line_items.campaign_key
        or chains.advertiser_key is distinct from campaigns.advertiser_key
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
    left join chains
        on
            line_items.line_item_key = chains.line_item_key
            and campaigns.campaign_key = chains.campaign_key
            and campaigns.advertiser_key = chains.advertiser_key
            and chains.valid_to = timestamp '9999-12-31 00:00:00'
    where
        line_items.is_current
        and not line_items.is_inferred
        and not line_items.is_deleted
        and not campaigns.is_inferred
        and not campaigns.is_deleted
        and chains.line_item_key is null
)

select * from contradicted
union all
select * from missing
