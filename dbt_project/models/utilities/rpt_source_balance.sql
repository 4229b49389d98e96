{{ config(materialized='table', contract={'enforced': true}) }}

{%- set satellites = {
    'campaigns.advertisers': 'sat_advertiser__campaigns',
    'campaigns.campaigns': 'sat_campaign__campaigns',
    'campaigns.creatives': 'sat_creative__campaigns',
    'campaigns.credit_notes': 'sat_credit_note__campaigns',
    'campaigns.line_item_creatives': 'sat_line_item_creative__campaigns',
    'campaigns.line_items': 'sat_line_item__campaigns',
    'campaigns.placements': 'sat_placement__campaigns',
    'campaigns.publishers': 'sat_publisher__campaigns',
    'campaigns.sites': 'sat_site__campaigns',
    'campaigns.third_party_reports': 'sat_third_party_report__campaigns',
    'campaigns.user_identities': 'masat_user__campaigns',
    'campaigns.user_profiles': 'sat_user__campaigns',
} %}

with loads as (
    select
        concat(source, '.', table_name) as source_table,
        sum(read_count) as read_count,
        sum(loaded_count) as loaded_count,
        sum(failed_count) as failed_count,
        sum(drift_count) as drift_count
    from {{ ref('stg_ops__source_loads') }}
    group by concat(source, '.', table_name)
),

{#
    Rows that a satellite has not kept say what it has already: they are duplicates. Counting the rows
    of a table reads none of its columns.
#}
versions as (
    {%- for source_table, satellite in satellites.items() %}
    select
        '{{ source_table }}' as source_table,
        count(*) as distinct_count
    from {{ ref(satellite) }}
    union all
    {%- endfor %}
    select
        'fx.rates' as source_table,
        count(*) as distinct_count
    from (
        select distinct
            fx_rate_hk,
            fx_rate_hashdiff
        from {{ ref('sat_fx_rate__fx') }}
    ) as fx_rate_versions
    union all
    select
        crunchbase_versions.source_table,
        count(*) as distinct_count
    from (
        {%- for entity in ['organization', 'funding_round', 'acquisition', 'person'] %}
        select distinct
            record_source as source_table,
            {{ entity }}_hk as entity_hk,
            effective_from
        from {{ ref('sat_' ~ entity ~ '__crunchbase') }}
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as crunchbase_versions
    group by crunchbase_versions.source_table
),

events as (
    select
        source_table,
        sum(distinct_count) as distinct_count,
        sum(duplicate_count) as duplicate_count,
        sum(id_conflict_count + foreign_id_conflict_count) as id_conflict_count,
        sum(rejected_count) as rejected_count
    from {{ ref('bv_deliveries') }}
    group by source_table
),

distinct_keys as (
    select
        source_table,
        distinct_count,
        duplicate_count,
        id_conflict_count,
        rejected_count
    from events
    union all
    select
        versions.source_table,
        versions.distinct_count,
        coalesce(loads.loaded_count, 0) - versions.distinct_count as duplicate_count,
        0 as id_conflict_count,
        0 as rejected_count
    from versions
    left join loads
        on versions.source_table = loads.source_table
),

balance as (
    select
        coalesce(loads.source_table, distinct_keys.source_table) as source_table,
        cast(coalesce(loads.read_count, 0) as bigint) as read_count,
        cast(coalesce(loads.loaded_count, 0) as bigint) as loaded_count,
        cast(coalesce(loads.failed_count, 0) as bigint) as failed_count,
        cast(coalesce(loads.drift_count, 0) as bigint) as drift_count,
        cast(coalesce(distinct_keys.distinct_count, 0) as bigint) as distinct_count,
        cast(coalesce(distinct_keys.duplicate_count, 0) as bigint) as duplicate_count,
        cast(coalesce(distinct_keys.id_conflict_count, 0) as bigint) as id_conflict_count,
        cast(coalesce(distinct_keys.rejected_count, 0) as bigint) as rejected_count
    from loads
    full outer join distinct_keys
        on loads.source_table = distinct_keys.source_table
)

select * from balance
