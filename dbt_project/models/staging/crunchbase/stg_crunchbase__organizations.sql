with organizations as (
    select
        landed.uuid as organization_id,
        landed.identifier.permalink,
        landed.name as organization_name,
        landed.legal_name,
        landed.short_description,
        landed.website_url,
        {{ url_domain('landed.website_url') }} as website_domain,
        landed.company_type,
        landed.operating_status,
        landed.founded_on.value as founded_date,
        landed.founded_on.precision as founded_precision,
        landed.closed_on.value as closed_date,
        landed.num_employees_enum as employee_range,
        landed.categories,
        landed.location.city,
        landed.location.region,
        landed.location.country,
        landed.funding_total.value as funding_total_amount,
        landed.funding_total.currency as funding_total_currency_code,
        landed.funding_total.value_usd as funding_total_usd_amount,
        landed.num_funding_rounds as funding_round_count,
        landed.last_funding_type,
        landed.rank_org as organization_rank,
        false as is_deleted,
        cast(landed.updated_at as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('crunchbase', 'organizations', source_rank=50) }} as landed
),

staged as (
    {{ stage(
        source='organizations',
        record_source="'crunchbase.organizations'",
        hash_keys={
            'organization_hk': ['organization_id'],
        },
        hashdiffs={
            'organization_hashdiff': [
                'permalink',
                'organization_name',
                'legal_name',
                'short_description',
                'website_url',
                'website_domain',
                'company_type',
                'operating_status',
                'founded_date:date',
                'founded_precision',
                'closed_date:date',
                'employee_range',
                'categories',
                'city',
                'region',
                'country',
                'funding_total_amount:decimal',
                'funding_total_currency_code',
                'funding_total_usd_amount:decimal',
                'funding_round_count:integer',
                'last_funding_type',
                'organization_rank:integer',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
