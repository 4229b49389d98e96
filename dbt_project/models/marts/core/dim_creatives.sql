with versions as (
    {{ dimension_versions(
        hub=ref('hub_creative'),
        satellite=ref('sat_creative__campaigns'),
        hash_key='creative_hk',
        business_key='creative_bk',
        attributes=[
            'advertiser_id',
            'creative_name',
            'ad_format',
            'width',
            'height',
            'duration_ms',
            'landing_domain',
        ]
    ) }}
),

creatives as (
    select
        {{ hash_to_text('versions.creative_hk') }} as creative_key,
        {{ version_key('versions') }} as creative_version_key,
        versions.business_key as creative_id,
        {{ hash_to_text(hash_key('versions.advertiser_id')) }} as advertiser_key,
        versions.advertiser_id,
        versions.creative_name,
        versions.ad_format,
        versions.width,
        versions.height,
        versions.duration_ms,
        versions.landing_domain,
        versions.valid_from,
        versions.valid_to,
        versions.as_of_from,
        versions.is_current,
        versions.is_deleted,
        versions.is_inferred
    from versions
)

select * from creatives
