with people as (
    select
        landed.uuid as person_id,
        landed.primary_organization.uuid as organization_id,
        landed.identifier.value as name_pseudonym,
        landed.primary_job_title,
        landed.num_founded_organizations as founded_organization_count,
        landed.location.country,
        false as is_deleted,
        cast(landed.updated_at as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('crunchbase', 'people', source_rank=53) }} as landed
),

staged as (
    {{ stage(
        source='people',
        record_source="'crunchbase.people'",
        hash_keys={
            'person_hk': ['person_id'],
            'organization_hk': ['organization_id'],
            'person_organization_hk': ['person_id', 'organization_id'],
        },
        hashdiffs={
            'person_hashdiff': [
                'organization_id',
                'name_pseudonym',
                'primary_job_title',
                'founded_organization_count:integer',
                'country',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
