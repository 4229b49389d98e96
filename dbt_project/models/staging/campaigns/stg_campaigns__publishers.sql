with publishers as (
    select
        landed.publisher_id,
        landed.name as publisher_name,
        landed.domain,
        landed._is_deleted as is_deleted,
        cast(coalesce(landed.updated_at, landed._loaded_at) as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('campaigns', 'publishers', source_rank=15) }} as landed
),

staged as (
    {{ stage(
        source='publishers',
        record_source="'campaigns.publishers'",
        hash_keys={
            'publisher_hk': ['publisher_id'],
        },
        hashdiffs={
            'publisher_hashdiff': [
                'publisher_name',
                'domain',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
