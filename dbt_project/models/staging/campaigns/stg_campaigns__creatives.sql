with creatives as (
    select
        landed.creative_id,
        landed.advertiser_id,
        landed.name as creative_name,
        landed.ad_format,
        landed.width,
        landed.height,
        landed.duration_ms,
        landed.landing_domain,
        landed._is_deleted as is_deleted,
        cast(coalesce(landed.updated_at, landed._loaded_at) as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('campaigns', 'creatives', source_rank=13) }} as landed
),

staged as (
    {{ stage(
        source='creatives',
        record_source="'campaigns.creatives'",
        hash_keys={
            'creative_hk': ['creative_id'],
            'advertiser_hk': ['advertiser_id'],
            'creative_advertiser_hk': ['creative_id', 'advertiser_id'],
        },
        hashdiffs={
            'creative_hashdiff': [
                'advertiser_id',
                'creative_name',
                'ad_format',
                'width:integer',
                'height:integer',
                'duration_ms:integer',
                'landing_domain',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
