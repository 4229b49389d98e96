with acquisitions as (
    select
        landed.uuid as acquisition_id,
        landed.acquirer_identifier.uuid as acquirer_id,
        landed.acquiree_identifier.uuid as acquiree_id,
        landed.announced_on.value as announced_date,
        landed.completed_on.value as completed_date,
        landed.acquisition_type,
        landed.status as acquisition_status,
        landed.price.value as price_amount,
        landed.price.currency as currency_code,
        landed.price.value_usd as price_usd_amount,
        false as is_deleted,
        cast(landed.updated_at as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('crunchbase', 'acquisitions', source_rank=52) }} as landed
),

staged as (
    {{ stage(
        source='acquisitions',
        record_source="'crunchbase.acquisitions'",
        hash_keys={
            'acquisition_hk': ['acquisition_id'],
            'acquirer_hk': ['acquirer_id'],
            'acquiree_hk': ['acquiree_id'],
            'acquisition_organizations_hk': ['acquisition_id', 'acquirer_id', 'acquiree_id'],
        },
        hashdiffs={
            'acquisition_hashdiff': [
                'acquirer_id',
                'acquiree_id',
                'announced_date:date',
                'completed_date:date',
                'acquisition_type',
                'acquisition_status',
                'price_amount:decimal',
                'currency_code',
                'price_usd_amount:decimal',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
