with versions as (
    {{ dimension_versions(
        hub=ref('hub_publisher'),
        satellite=ref('sat_publisher__campaigns'),
        hash_key='publisher_hk',
        business_key='publisher_bk',
        attributes=[
            'publisher_name',
            'domain',
        ]
    ) }}
),

publishers as (
    select
        {{ hash_to_text('versions.publisher_hk') }} as publisher_key,
        {{ version_key('versions') }} as publisher_version_key,
        versions.business_key as publisher_id,
        versions.publisher_name,
        versions.domain,
        versions.valid_from,
        versions.valid_to,
        versions.as_of_from,
        versions.is_current,
        versions.is_deleted,
        versions.is_inferred
    from versions
)

select * from publishers
