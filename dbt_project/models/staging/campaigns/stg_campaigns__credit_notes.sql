with credit_notes as (
    select
        landed.credit_id,
        landed.exchange,
        landed.line_item_id,
        landed.for_month,
        landed.amount_micros,
        landed.currency as currency_code,
        landed.reason,
        landed._is_deleted as is_deleted,
        cast(coalesce(landed.updated_at, landed._loaded_at) as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('campaigns', 'credit_notes', source_rank=21) }} as landed
),

staged as (
    {{ stage(
        source='credit_notes',
        record_source="'campaigns.credit_notes'",
        hash_keys={
            'credit_note_hk': ['credit_id'],
            'line_item_hk': ['line_item_id'],
            'credit_note_line_item_hk': ['credit_id', 'line_item_id'],
        },
        hashdiffs={
            'credit_note_hashdiff': [
                'exchange',
                'line_item_id',
                'for_month:date',
                'amount_micros:integer',
                'currency_code',
                'reason',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
