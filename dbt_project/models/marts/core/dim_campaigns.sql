with versions as (
    {{ dimension_versions(
        hub=ref('hub_campaign'),
        satellite=ref('sat_campaign__campaigns'),
        hash_key='campaign_hk',
        business_key='campaign_bk',
        attributes=[
            'advertiser_id',
            'campaign_name',
            'objective',
            'budget_micros',
            'currency_code',
            'start_at',
            'end_at',
            'status',
        ]
    ) }}
),

campaigns as (
    select
        {{ hash_to_text('versions.campaign_hk') }} as campaign_key,
        {{ version_key('versions') }} as campaign_version_key,
        versions.business_key as campaign_id,
        {{ hash_to_text(hash_key('versions.advertiser_id')) }} as advertiser_key,
        versions.advertiser_id,
        versions.campaign_name,
        versions.objective,
        versions.budget_micros,
        versions.currency_code,
        versions.start_at,
        versions.end_at,
        versions.status,
        versions.valid_from,
        versions.valid_to,
        versions.as_of_from,
        versions.is_current,
        versions.is_deleted,
        versions.is_inferred
    from versions
)

select * from campaigns
