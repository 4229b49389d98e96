{% set payload = [
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

{{ satellite(
    sources=[
        ref('stg_crunchbase__acquisitions'),
        crunchbase_deletions('acquisition', payload),
    ],
    parent_key='acquisition_hk',
    hashdiff='acquisition_hashdiff',
    effective_from='effective_from',
    payload=payload + ['is_deleted']
) }}
