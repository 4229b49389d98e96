{{ config(materialized='view') }}

with source_loads as (
    select
        source,
        table_name,
        ingest_seq,
        loaded_at,
        read_count,
        loaded_count,
        failed_count,
        drift_count
    from {{ source('ops', 'source_loads') }}
)

select * from source_loads
