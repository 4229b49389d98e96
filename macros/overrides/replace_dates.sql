{#
    Incremental strategy `replace_dates` (DuckDB; BigQuery has the same under `insert_overwrite`):
    the rows of all affected dates go, the rows that the model selected for them come, in one
    transaction. A date that ends up with no row at all is emptied, too.

    The dates are those that the model declares in `meta.date_effects` (see `affected_dates`), on the
    column that the model is partitioned by.
#}
{% macro get_incremental_replace_dates_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    delete from {{ arg_dict['target_relation'] }}
    where {{ affected_dates(config.get('partition_by')['field']) }};

    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }};
{% endmacro %}
