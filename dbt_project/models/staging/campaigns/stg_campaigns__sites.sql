with sites as (
    select
        landed.site_id,
        landed.publisher_id,
        landed.kind as site_kind,
        landed.domain_or_bundle,
        landed.iab_category,
        landed._is_deleted as is_deleted,
        cast(coalesce(landed.updated_at, landed._loaded_at) as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('campaigns', 'sites', source_rank=16) }} as landed
),

staged as (
    {{ stage(
        source='sites',
        record_source="'campaigns.sites'",
        hash_keys={
            'site_hk': ['site_id'],
            'publisher_hk': ['publisher_id'],
            'site_publisher_hk': ['site_id', 'publisher_id'],
        },
        hashdiffs={
            'site_hashdiff': [
                'publisher_id',
                'site_kind',
                'domain_or_bundle',
                'iab_category',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
