with versions as (
    {{ dimension_versions(
        hub=ref('hub_advertiser'),
        satellite=ref('sat_advertiser__campaigns'),
        hash_key='advertiser_hk',
        business_key='advertiser_bk',
        attributes=[
            'advertiser_name',
            'time_zone',
            'currency_code',
            'industry',
            'website_domain',
            'crunchbase_permalink',
        ]
    ) }}
),

advertisers as (
    select
        {{ hash_to_text('versions.advertiser_hk') }} as advertiser_key,
        {{ version_key('versions') }} as advertiser_version_key,
        versions.business_key as advertiser_id,
        versions.advertiser_name,
        versions.time_zone,
        versions.currency_code,
        versions.industry,
        versions.website_domain,
        versions.crunchbase_permalink,
        {{ hash_to_text('same_as.organization_hk') }} as organization_key,
        same_as.matched_by as organization_matched_by,
        versions.valid_from,
        versions.valid_to,
        versions.as_of_from,
        versions.is_current,
        versions.is_deleted,
        versions.is_inferred
    from versions
    left join {{ ref('sal_organization_advertiser') }} as same_as
        on versions.advertiser_hk = same_as.advertiser_hk
)

select * from advertisers
