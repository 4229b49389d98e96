{# A deletion says nothing but that: its payload is null, as in the campaigns database. #}
{%- set payload = [
    'organization_id',
    'funding_round_name',
    'announced_date',
    'closed_date',
    'investment_type',
    'investment_stage',
    'money_raised_amount',
    'currency_code',
    'money_raised_usd_amount',
    'is_equity',
    'investor_count',
    'investor_ids',
    'lead_investor_ids',
] %}
{%- set deletion = {
    'funding_round_hk': 'entity_hk',
    'funding_round_hashdiff': 'deletion_hashdiff',
} %}
{%- for column in payload %}
{%- do deletion.update({column: 'null'}) %}
{%- endfor %}

{{ satellite(
    sources=[
        ref('stg_crunchbase__funding_rounds'),
        {
            'relation': ref('stg_crunchbase__deleted_entities'),
            'columns': deletion,
            'where': "entity_kind = 'funding_round'",
        },
    ],
    parent_key='funding_round_hk',
    hashdiff='funding_round_hashdiff',
    effective_from='effective_from',
    payload=payload + ['is_deleted']
) }}
