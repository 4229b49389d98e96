{# A deletion says nothing but that: its payload is null, as in the campaigns database. #}
{%- set payload = [
    'acquirer_id',
    'acquiree_id',
    'announced_date',
    'completed_date',
    'acquisition_type',
    'acquisition_status',
    'price_amount',
    'currency_code',
    'price_usd_amount',
] %}
{%- set deletion = {
    'acquisition_hk': 'entity_hk',
    'acquisition_hashdiff': 'deletion_hashdiff',
} %}
{%- for column in payload %}
{%- do deletion.update({column: 'null'}) %}
{%- endfor %}

{{ satellite(
    sources=[
        ref('stg_crunchbase__acquisitions'),
        {
            'relation': ref('stg_crunchbase__deleted_entities'),
            'columns': deletion,
            'where': "entity_kind = 'acquisition'",
        },
    ],
    parent_key='acquisition_hk',
    hashdiff='acquisition_hashdiff',
    effective_from='effective_from',
    payload=payload + ['is_deleted']
) }}
