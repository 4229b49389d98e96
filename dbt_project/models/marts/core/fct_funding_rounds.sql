with versions as (
    {{ dimension_versions(
        hub=ref('hub_funding_round'),
        satellite=ref('sat_funding_round__crunchbase'),
        hash_key='funding_round_hk',
        business_key='funding_round_bk',
        attributes=[
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
        ]
    ) }}
),

funding_rounds as (
    select
        {{ hash_to_text('versions.funding_round_hk') }} as funding_round_key,
        versions.business_key as funding_round_id,
        {{ hash_to_text(hash_key('versions.organization_id')) }} as organization_key,
        versions.organization_id,
        versions.funding_round_name,
        versions.announced_date,
        versions.closed_date,
        versions.investment_type,
        versions.investment_stage,
        versions.money_raised_amount,
        versions.currency_code,
        versions.money_raised_usd_amount,
        versions.is_equity,
        versions.investor_count
    from versions
    where versions.is_current and not versions.is_deleted and not versions.is_inferred
)

select * from funding_rounds
