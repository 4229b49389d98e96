{# Models name their partition date in `partition_by` for BigQuery; a DuckDB file has no partitions. #}
{% macro duckdb__get_partitioned_by(relation, temporary) -%}
    {{ return(none) }}
{%- endmacro %}
