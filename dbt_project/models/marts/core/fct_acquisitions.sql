with versions as (
    {{ dimension_versions(
        hub=ref('hub_acquisition'),
        satellite=ref('sat_acquisition__crunchbase'),
        hash_key='acquisition_hk',
        business_key='acquisition_bk',
        attributes=[
            'acquirer_id',
            'acquiree_id',
            'announced_date',
            'completed_date',
            'acquisition_type',
            'acquisition_status',
            'price_amount',
            'currency_code',
            'price_usd_amount',
        ]
    ) }}
),

acquisitions as (
    select
        {{ hash_to_text('versions.acquisition_hk') }} as acquisition_key,
        versions.business_key as acquisition_id,
        {{ hash_to_text(hash_key('versions.acquirer_id')) }} as acquirer_key,
        {{ hash_to_text(hash_key('versions.acquiree_id')) }} as acquiree_key,
        versions.acquirer_id,
        versions.acquiree_id,
        versions.announced_date,
        versions.completed_date,
        versions.acquisition_type,
        versions.acquisition_status,
        versions.price_amount,
        versions.currency_code,
        versions.price_usd_amount
    from versions
    where versions.is_current and not versions.is_deleted and not versions.is_inferred
)

select * from acquisitions
