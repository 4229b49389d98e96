{# A deletion says nothing but that: its payload is null, as in the campaigns database. #}
{%- set payload = [
    'permalink',
    'organization_name',
    'legal_name',
    'short_description',
    'website_url',
    'website_domain',
    'company_type',
    'operating_status',
    'founded_date',
    'founded_precision',
    'closed_date',
    'employee_range',
    'categories',
    'city',
    'region',
    'country',
    'funding_total_amount',
    'funding_total_currency_code',
    'funding_total_usd_amount',
    'funding_round_count',
    'last_funding_type',
    'organization_rank',
] %}
{%- set deletion = {
    'organization_hk': 'entity_hk',
    'organization_hashdiff': 'deletion_hashdiff',
} %}
{%- for column in payload %}
{%- do deletion.update({column: 'null'}) %}
{%- endfor %}

{{ satellite(
    sources=[
        ref('stg_crunchbase__organizations'),
        {
            'relation': ref('stg_crunchbase__deleted_entities'),
            'columns': deletion,
            'where': "entity_kind = 'organization'",
        },
    ],
    parent_key='organization_hk',
    hashdiff='organization_hashdiff',
    effective_from='effective_from',
    payload=payload + ['is_deleted']
) }}
