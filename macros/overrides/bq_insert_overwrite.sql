{#
    dbt-bigquery's insert_overwrite takes its static partitions from the model's configuration, which
    is fixed when the project is parsed. The dates of a build are only known when it runs, so the
    predicate of the merge is made here from the model's declared date effects.
#}
{% macro bq_generate_incremental_insert_overwrite_build_sql(
    tmp_relation, target_relation, sql, unique_key, partition_by, partitions, dest_columns,
    tmp_relation_exists, copy_partitions
) %}
    {%- set source_sql -%}
        ({{ 'select * from ' ~ tmp_relation if tmp_relation_exists else sql }})
    {%- endset -%}
    {{ return(get_insert_overwrite_merge_sql(
        target_relation, source_sql, dest_columns,
        [affected_dates('dbt_internal_dest.' ~ partition_by.field)],
        include_sql_header=not tmp_relation_exists
    )) }}
{% endmacro %}
