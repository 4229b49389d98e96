with third_party_reports as (
    select
        landed.report_date,
        landed.line_item_id,
        landed.reporter,
        landed.impressions as impression_count,
        landed.clicks as click_count,
        landed.spend_micros,
        landed.currency as currency_code,
        landed._is_deleted as is_deleted,
        cast(coalesce(landed.updated_at, landed._loaded_at) as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('campaigns', 'third_party_reports', source_rank=20) }} as landed
),

staged as (
    {{ stage(
        source='third_party_reports',
        record_source="'campaigns.third_party_reports'",
        hash_keys={
            'third_party_report_hk': ['report_date:date', 'line_item_id', 'reporter'],
            'line_item_hk': ['line_item_id'],
            'third_party_report_line_item_hk': ['report_date:date', 'line_item_id', 'reporter'],
        },
        hashdiffs={
            'third_party_report_hashdiff': [
                'impression_count:integer',
                'click_count:integer',
                'spend_micros:integer',
                'currency_code',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
