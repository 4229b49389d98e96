-- Per source table: read = loaded + failed, and
-- loaded = distinct + duplicates + id conflicts + rejected (rows without a usable key).
select *
from {{ ref('rpt_source_balance') }}
where
    read_count <> loaded_count + failed_count
    or loaded_count <> distinct_count + duplicate_count + id_conflict_count + rejected_count
    or duplicate_count < 0
