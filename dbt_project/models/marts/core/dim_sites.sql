with versions as (
    {{ dimension_versions(
        hub=ref('hub_site'),
        satellite=ref('sat_site__campaigns'),
        hash_key='site_hk',
        business_key='site_bk',
        attributes=[
            'publisher_id',
            'site_kind',
            'domain_or_bundle',
            'iab_category',
        ]
    ) }}
),

sites as (
    select
        {{ hash_to_text('versions.site_hk') }} as site_key,
        {{ version_key('versions') }} as site_version_key,
        versions.business_key as site_id,
        {{ hash_to_text(hash_key('versions.publisher_id')) }} as publisher_key,
        versions.publisher_id,
        versions.site_kind,
        versions.domain_or_bundle,
        versions.iab_category,
        versions.valid_from,
        versions.valid_to,
        versions.as_of_from,
        versions.is_current,
        versions.is_deleted,
        versions.is_inferred
    from versions
)

select * from sites
