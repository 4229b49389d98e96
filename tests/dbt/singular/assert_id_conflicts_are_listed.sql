-- Every id conflict that is counted is listed, and the other way round, date by date.
{%- set inputs = event_deliveries() | map(attribute='input') | unique | list %}
with counted as (
    select
        source_table,
        event_type,
        event_date,
        sum(id_conflict_count + foreign_id_conflict_count) as conflict_count
    from {{ ref('bv_deliveries') }}
    where {{ proved_dates(inputs) }}
    group by source_table, event_type, event_date
),

listed as (
    select
        source_table,
        event_type,
        event_date,
        count(*) as conflict_count
    from {{ ref('bv_id_conflicts') }}
    where {{ proved_dates(inputs) }}
    group by source_table, event_type, event_date
)

select
    coalesce(counted.source_table, listed.source_table) as source_table,
    coalesce(counted.event_type, listed.event_type) as event_type,
    coalesce(counted.event_date, listed.event_date) as event_date,
    counted.conflict_count as counted_conflicts,
    listed.conflict_count as listed_conflicts
from counted
full outer join listed
    on
        counted.source_table = listed.source_table
        and counted.event_type = listed.event_type
        and counted.event_date = listed.event_date
where coalesce(counted.conflict_count, 0) <> coalesce(listed.conflict_count, 0)
