{% set payload = [
    'organization_id',
    'name_pseudonym',
    'primary_job_title',
    'founded_organization_count',
    'country',
] %}

{{ satellite(
    sources=[
        ref('stg_crunchbase__people'),
        crunchbase_deletions('person', payload),
    ],
    parent_key='person_hk',
    hashdiff='person_hashdiff',
    effective_from='effective_from',
    payload=payload + ['is_deleted']
) }}
