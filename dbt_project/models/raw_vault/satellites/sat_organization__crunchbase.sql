{% set payload = [
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

{{ satellite(
    sources=[
        ref('stg_crunchbase__organizations'),
        crunchbase_deletions('organization', payload),
    ],
    parent_key='organization_hk',
    hashdiff='organization_hashdiff',
    effective_from='effective_from',
    payload=payload + ['is_deleted']
) }}
