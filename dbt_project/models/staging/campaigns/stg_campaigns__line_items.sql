with line_items as (
    select
        landed.line_item_id,
        landed.campaign_id,
        landed.name as line_item_name,
        landed.pricing_model,
        landed.rate_micros,
        landed.currency as currency_code,
        landed.budget_micros,
        cast(landed.flight_start_at as timestamp) as flight_start_at,
        cast(landed.flight_end_at as timestamp) as flight_end_at,
        landed.pacing,
        landed.frequency_cap_count,
        landed.frequency_cap_hours,
        landed.channel,
        landed.conversion_types,
        landed.attribution_model,
        landed.view_window_hours,
        landed.click_window_days,
        landed.status,
        landed._is_deleted as is_deleted,
        cast(coalesce(landed.updated_at, landed._loaded_at) as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('campaigns', 'line_items', source_rank=12) }} as landed
),

staged as (
    {{ stage(
        source='line_items',
        record_source="'campaigns.line_items'",
        hash_keys={
            'line_item_hk': ['line_item_id'],
            'campaign_hk': ['campaign_id'],
            'line_item_campaign_hk': ['line_item_id', 'campaign_id'],
        },
        hashdiffs={
            'line_item_hashdiff': [
                'campaign_id',
                'line_item_name',
                'pricing_model',
                'rate_micros:integer',
                'currency_code',
                'budget_micros:integer',
                'flight_start_at:timestamp',
                'flight_end_at:timestamp',
                'pacing',
                'frequency_cap_count:integer',
                'frequency_cap_hours:integer',
                'channel',
                'conversion_types',
                'attribution_model',
                'view_window_hours:integer',
                'click_window_days:integer',
                'status',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
