with funding_rounds as (
    select
        landed.uuid as funding_round_id,
        landed.funded_organization_identifier.uuid as organization_id,
        landed.identifier.value as funding_round_name,
        landed.announced_on as announced_date,
        landed.closed_on.value as closed_date,
        landed.investment_type,
        landed.investment_stage,
        landed.money_raised.value as money_raised_amount,
        landed.money_raised.currency as currency_code,
        landed.money_raised.value_usd as money_raised_usd_amount,
        landed.is_equity,
        landed.num_investors as investor_count,
        landed.investor_identifiers as investor_ids,
        landed.lead_investor_identifiers as lead_investor_ids,
        false as is_deleted,
        cast(landed.updated_at as timestamp) as effective_from,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from {{ landed('crunchbase', 'funding_rounds', source_rank=51) }} as landed
),

staged as (
    {{ stage(
        source='funding_rounds',
        record_source="'crunchbase.funding_rounds'",
        hash_keys={
            'funding_round_hk': ['funding_round_id'],
            'organization_hk': ['organization_id'],
            'funding_round_organization_hk': ['funding_round_id', 'organization_id'],
        },
        hashdiffs={
            'funding_round_hashdiff': [
                'organization_id',
                'funding_round_name',
                'announced_date:date',
                'closed_date:date',
                'investment_type',
                'investment_stage',
                'money_raised_amount:decimal',
                'currency_code',
                'money_raised_usd_amount:decimal',
                'is_equity:boolean',
                'investor_count:integer',
                'investor_ids',
                'lead_investor_ids',
                'is_deleted:boolean',
                'effective_from:timestamp',
            ],
        }
    ) }}
)

select * from staged
