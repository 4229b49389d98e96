{#
    What held for a line item at any time: its own versions, and who owned it. An event takes the row
    with `as_of_from` <= event < `valid_to`; the first reaches back to 1900-01-01, because an event
    before the earliest version takes the earliest. A campaign may change hands within a version of
    its line items, so their stretches are cut where either of the two changes. A deletion keeps what
    held before it. A line item that no source has described yet has no row.
#}
with line_items as (
    {{ dimension_versions(
        hub=ref('hub_line_item'),
        satellite=ref('sat_line_item__campaigns'),
        hash_key='line_item_hk',
        business_key='line_item_bk',
        attributes=[
            'campaign_id',
            'pricing_model',
            'rate_micros',
            'currency_code',
            'channel',
            'conversion_types',
            'attribution_model',
            'view_window_hours',
            'click_window_days',
            'frequency_cap_count',
            'frequency_cap_hours',
        ]
    ) }}
),

campaigns as (
    {{ dimension_versions(
        hub=ref('hub_campaign'),
        satellite=ref('sat_campaign__campaigns'),
        hash_key='campaign_hk',
        business_key='campaign_bk',
        attributes=['advertiser_id']
    ) }}
),

versions as (
    select
        line_items.line_item_hk,
        line_items.business_key as line_item_id,
        campaigns.campaign_hk,
        line_items.campaign_id,
        {{ hash_key('campaigns.advertiser_id') }} as advertiser_hk,
        campaigns.advertiser_id,
        greatest(line_items.as_of_from, campaigns.as_of_from) as as_of_from,
        least(line_items.valid_to, campaigns.valid_to) as valid_to,
        line_items.pricing_model,
        line_items.rate_micros,
        line_items.currency_code,
        line_items.channel,
        line_items.conversion_types,
        line_items.attribution_model,
        line_items.view_window_hours,
        line_items.click_window_days,
        line_items.frequency_cap_count,
        line_items.frequency_cap_hours
    from line_items
    inner join campaigns
        on
            line_items.campaign_id = campaigns.business_key
            and line_items.as_of_from < campaigns.valid_to
            and line_items.valid_to > campaigns.as_of_from
    where
        greatest(line_items.as_of_from, campaigns.as_of_from)
        < least(line_items.valid_to, campaigns.valid_to)
)

select * from versions
