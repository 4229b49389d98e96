{# One hash key for all kinds: the key of an entity is its uuid, whatever it is. #}
with deleted_entities as (
    select
        landed.uuid as entity_id,
        landed.entity_def_id as entity_kind,
        true as is_deleted,
        cast(landed.deleted_at as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('crunchbase', 'deleted_entities', source_rank=54) }} as landed
),

staged as (
    {{ stage(
        source='deleted_entities',
        record_source="'crunchbase.deleted_entities'",
        hash_keys={
            'entity_hk': ['entity_id'],
        },
        hashdiffs={'deletion_hashdiff': ['is_deleted:boolean', 'effective_from:timestamp']}
    ) }}
)

select * from staged
