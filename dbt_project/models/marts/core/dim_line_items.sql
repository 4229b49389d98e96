with versions as (
    {{ dimension_versions(
        hub=ref('hub_line_item'),
        satellite=ref('sat_line_item__campaigns'),
        hash_key='line_item_hk',
        business_key='line_item_bk',
        attributes=[
            'campaign_id',
            'line_item_name',
            'pricing_model',
            'rate_micros',
            'currency_code',
            'budget_micros',
            'flight_start_at',
            'flight_end_at',
            'pacing',
            'frequency_cap_count',
            'frequency_cap_hours',
            'channel',
            'conversion_types',
            'attribution_model',
            'view_window_hours',
            'click_window_days',
            'status',
        ]
    ) }}
),

line_items as (
    select
        {{ hash_to_text('versions.line_item_hk') }} as line_item_key,
        {{ version_key('versions') }} as line_item_version_key,
        versions.business_key as line_item_id,
        {{ hash_to_text(hash_key('versions.campaign_id')) }} as campaign_key,
        versions.campaign_id,
        versions.line_item_name,
        versions.pricing_model,
        versions.rate_micros,
        versions.currency_code,
        versions.budget_micros,
        versions.flight_start_at,
        versions.flight_end_at,
        versions.pacing,
        versions.frequency_cap_count,
        versions.frequency_cap_hours,
        versions.channel,
        versions.conversion_types,
        versions.attribution_model,
        versions.view_window_hours,
        versions.click_window_days,
        versions.status,
        versions.valid_from,
        versions.valid_to,
        versions.as_of_from,
        versions.is_current,
        versions.is_deleted,
        versions.is_inferred
    from versions
)

select * from line_items
