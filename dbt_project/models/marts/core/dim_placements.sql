with versions as (
    {{ dimension_versions(
        hub=ref('hub_placement'),
        satellite=ref('sat_placement__campaigns'),
        hash_key='placement_hk',
        business_key='placement_bk',
        attributes=[
            'site_id',
            'placement_name',
            'ad_format',
            'width',
            'height',
            'floor_micros',
            'currency_code',
        ]
    ) }}
),

placements as (
    select
        {{ hash_to_text('versions.placement_hk') }} as placement_key,
        {{ version_key('versions') }} as placement_version_key,
        versions.business_key as placement_id,
        {{ hash_to_text(hash_key('versions.site_id')) }} as site_key,
        versions.site_id,
        versions.placement_name,
        versions.ad_format,
        versions.width,
        versions.height,
        versions.floor_micros,
        versions.currency_code,
        versions.valid_from,
        versions.valid_to,
        versions.as_of_from,
        versions.is_current,
        versions.is_deleted,
        versions.is_inferred
    from versions
)

select * from placements
