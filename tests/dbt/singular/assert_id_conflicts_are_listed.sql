-- Every id conflict that is counted is listed, and the other way round.
with counted as (
    select
        source_table,
        event_type,
        sum(id_conflict_count + foreign_id_conflict_count) as conflict_count
    from {{ ref('bv_deliveries') }}
    group by source_table, event_type
),

listed as (
    select
        source_table,
        event_type,
        count(*) as conflict_count
    from {{ ref('bv_id_conflicts') }}
    group by source_table, event_type
)

select
    counted.source_table,
    counted.event_type,
    counted.conflict_count as counted_conflicts,
    listed.conflict_count as listed_conflicts
from counted
full outer join listed
    on counted.source_table = listed.source_table and counted.event_type = listed.event_type
where coalesce(counted.conflict_count, 0) <> coalesce(listed.conflict_count, 0)
