with placements as (
    select
        landed.placement_id,
        landed.site_id,
        landed.name as placement_name,
        landed.ad_format,
        landed.width,
        landed.height,
        landed.floor_micros,
        landed.currency as currency_code,
        landed._is_deleted as is_deleted,
        cast(coalesce(landed.updated_at, landed._loaded_at) as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('campaigns', 'placements', source_rank=17) }} as landed
),

staged as (
    {{ stage(
        source='placements',
        record_source="'campaigns.placements'",
        hash_keys={
            'placement_hk': ['placement_id'],
            'site_hk': ['site_id'],
            'placement_site_hk': ['placement_id', 'site_id'],
        },
        hashdiffs={
            'placement_hashdiff': [
                'site_id',
                'placement_name',
                'ad_format',
                'width:integer',
                'height:integer',
                'floor_micros:integer',
                'currency_code',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
