with versions as (
    {{ dimension_versions(
        hub=ref('hub_organization'),
        satellite=ref('sat_organization__crunchbase'),
        hash_key='organization_hk',
        business_key='organization_bk',
        attributes=[
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
        ]
    ) }}
),

organizations as (
    select
        {{ hash_to_text('versions.organization_hk') }} as organization_key,
        {{ hash_to_text(hash_key([
            'versions.business_key', 'versions.valid_from:timestamp', 'versions.is_deleted:boolean'
        ])) }} as organization_version_key,
        versions.business_key as organization_id,
        versions.permalink,
        versions.organization_name,
        versions.legal_name,
        versions.short_description,
        versions.website_url,
        versions.website_domain,
        versions.company_type,
        versions.operating_status,
        versions.founded_date,
        versions.founded_precision,
        versions.closed_date,
        versions.employee_range,
        versions.categories,
        versions.city,
        versions.region,
        versions.country,
        versions.funding_total_amount,
        versions.funding_total_currency_code,
        versions.funding_total_usd_amount,
        versions.funding_round_count,
        versions.last_funding_type,
        versions.organization_rank,
        versions.valid_from,
        versions.valid_to,
        versions.as_of_from,
        versions.is_current,
        versions.is_deleted,
        versions.is_inferred
    from versions
)

select * from organizations
