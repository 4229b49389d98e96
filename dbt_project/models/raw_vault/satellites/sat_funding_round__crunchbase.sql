{% set payload = [
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

{{ satellite(
    sources=[
        ref('stg_crunchbase__funding_rounds'),
        crunchbase_deletions('funding_round', payload),
    ],
    parent_key='funding_round_hk',
    hashdiff='funding_round_hashdiff',
    effective_from='effective_from',
    payload=payload + ['is_deleted']
) }}
