with advertisers as (
    select
        landed.advertiser_id,
        landed.name as advertiser_name,
        landed.time_zone,
        landed.currency as currency_code,
        landed.industry,
        landed.website_domain,
        landed.crunchbase_permalink,
        landed._is_deleted as is_deleted,
        cast(coalesce(landed.updated_at, landed._loaded_at) as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('campaigns', 'advertisers', source_rank=10) }} as landed
),

staged as (
    {{ stage(
        source='advertisers',
        record_source="'campaigns.advertisers'",
        hash_keys={
            'advertiser_hk': ['advertiser_id'],
        },
        hashdiffs={
            'advertiser_hashdiff': [
                'advertiser_name',
                'time_zone',
                'currency_code',
                'industry',
                'website_domain',
                'crunchbase_permalink',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
