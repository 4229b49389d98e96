with campaigns as (
    select
        landed.campaign_id,
        landed.advertiser_id,
        landed.name as campaign_name,
        landed.objective,
        landed.budget_micros,
        landed.currency as currency_code,
        cast(landed.start_at as timestamp) as start_at,
        cast(landed.end_at as timestamp) as end_at,
        landed.status,
        landed._is_deleted as is_deleted,
        cast(coalesce(landed.updated_at, landed._loaded_at) as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('campaigns', 'campaigns', source_rank=11) }} as landed
),

staged as (
    {{ stage(
        source='campaigns',
        record_source="'campaigns.campaigns'",
        hash_keys={
            'campaign_hk': ['campaign_id'],
            'advertiser_hk': ['advertiser_id'],
            'campaign_advertiser_hk': ['campaign_id', 'advertiser_id'],
        },
        hashdiffs={
            'campaign_hashdiff': [
                'advertiser_id',
                'campaign_name',
                'objective',
                'budget_micros:integer',
                'currency_code',
                'start_at:timestamp',
                'end_at:timestamp',
                'status',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
