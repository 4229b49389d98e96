{# A deletion says nothing but that: its payload is null, as in the campaigns database. #}
{%- set payload = [
    'organization_id',
    'name_pseudonym',
    'primary_job_title',
    'founded_organization_count',
    'country',
] %}
{%- set deletion = {
    'person_hk': 'entity_hk',
    'person_hashdiff': 'deletion_hashdiff',
} %}
{%- for column in payload %}
{%- do deletion.update({column: 'null'}) %}
{%- endfor %}

{{ satellite(
    sources=[
        ref('stg_crunchbase__people'),
        {
            'relation': ref('stg_crunchbase__deleted_entities'),
            'columns': deletion,
            'where': "entity_kind = 'person'",
        },
    ],
    parent_key='person_hk',
    hashdiff='person_hashdiff',
    effective_from='effective_from',
    payload=payload + ['is_deleted']
) }}
