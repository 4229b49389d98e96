{#
    DuckDB's `table` and `incremental` materializations. dbt-duckdb's own keep a table readable while
    it is made again: they build beside it, rename twice, drop, and look columns up five times, some
    ten statements a model. Nobody reads a file in the making here (a build works on a copy), so one
    transaction replaces or extends the table where it stands: three statements.
#}
{% materialization table, adapter='duckdb' %}
    {{- return(_materialize(extends=false)) -}}
{% endmaterialization %}


{#
    Strategies: `append`; `merge` by `unique_key`; and `replace_dates`: the rows of all affected
    dates go, the rows that the model selected for them come. A date that ends up with no row at all is
    emptied, too. The dates are those that the model declares in `meta.date_effects` (see
    `affected_dates`), on the column that it is partitioned by. BigQuery has the same under `merge`
    (without a key it only inserts) and `insert_overwrite`.
#}
{% materialization incremental, adapter='duckdb' %}
    {{- return(_materialize(extends=true)) -}}
{% endmaterialization %}


{% macro _materialize(extends) %}
    {%- set stored = load_cached_relation(this) -%}
    {%- set relation = this.incorporate(type='table') -%}
    {%- set is_stored = stored is not none and stored.is_table -%}
    {%- if stored is not none and not is_stored -%}
        {%- do adapter.drop_relation(stored) -%}
    {%- endif -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') -%}
        {%- if extends and is_stored and not should_full_refresh() -%}
            {{ _extend_table(relation, config.get('incremental_strategy')) }}
        {%- else -%}
            drop table if exists {{ relation }};
            {{ create_table_as(False, relation, compiled_code) }}
        {%- endif -%}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{- return({'relations': [relation]}) -}}
{% endmacro %}


{% macro _extend_table(relation, strategy) %}
    {%- do _require_same_columns(relation) -%}
    {%- if strategy == 'append' -%}
        insert into {{ relation }} by name
        {{ compiled_code }}
    {%- elif strategy == 'merge' -%}
        {%- set key = config.require('unique_key') %}
        merge into {{ relation }}
        using (
            {{ compiled_code }}
        ) as selected
        using ({{ key if key is string else key | join(', ') }})
        when matched then update by name
        when not matched then insert by name
    {%- elif strategy == 'replace_dates' -%}
        {%- set rows = relation.identifier ~ '__rows' -%}
        create temporary table {{ rows }} as
        {{ compiled_code }};

        delete from {{ relation }}
        where {{ affected_dates(config.get('partition_by')['field']) }};

        insert into {{ relation }} by name
        from {{ rows }};

        drop table {{ rows }};
    {%- else -%}
        {%- do exceptions.raise_compiler_error(
            "incremental_strategy is append, merge or replace_dates on DuckDB, not " ~ strategy
        ) -%}
    {%- endif -%}
{% endmacro %}


{# An increment must not leave a column out, invent one or change its type: rows would lie. #}
{% macro _require_same_columns(relation) %}
    {%- set differences = run_query(
        "select coalesce(stored.name, selected.column_name), stored.type as stored_type, "
        ~ "selected.column_type as selected_type "
        ~ "from pragma_table_info('" ~ (relation | string | replace("'", "''")) ~ "') as stored "
        ~ "full join (describe " ~ compiled_code ~ "\n) as selected "
        ~ "on stored.name = selected.column_name "
        ~ "where stored.type is distinct from selected.column_type"
    ) -%}
    {%- if differences.rows | length > 0 -%}
        {%- set texts = [] -%}
        {%- for name, stored, selected in differences.rows -%}
            {%- do texts.append(
                name ~ " (stored " ~ (stored or 'nowhere') ~ ", selected " ~ (selected or 'nowhere') ~ ")"
            ) -%}
        {%- endfor -%}
        {%- do exceptions.raise_compiler_error(
            relation ~ " has other columns than its model selects: " ~ texts | join(', ')
            ~ ". Build it from nothing with --full-refresh."
        ) -%}
    {%- endif -%}
{% endmacro %}
