with line_item_creatives as (
    select
        landed.line_item_id,
        landed.creative_id,
        landed.experiment_arm,
        landed.weight,
        cast(landed.start_at as timestamp) as start_at,
        cast(landed.end_at as timestamp) as end_at,
        landed._is_deleted as is_deleted,
        cast(coalesce(landed.updated_at, landed._loaded_at) as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('campaigns', 'line_item_creatives', source_rank=14) }} as landed
),

staged as (
    {{ stage(
        source='line_item_creatives',
        record_source="'campaigns.line_item_creatives'",
        hash_keys={
            'line_item_hk': ['line_item_id'],
            'creative_hk': ['creative_id'],
            'line_item_creative_hk': ['line_item_id', 'creative_id'],
        },
        hashdiffs={
            'line_item_creative_hashdiff': [
                'experiment_arm',
                'weight:integer',
                'start_at:timestamp',
                'end_at:timestamp',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
