{# dbt's own safe_cast is an unsafe cast on DuckDB. Guard the text: engines read some forms differently. #}
{% macro _safe_cast(expression, type) -%}
    {{ return(adapter.dispatch('_safe_cast')(expression, type)) }}
{%- endmacro %}

{% macro duckdb___safe_cast(expression, type) -%}
    try_cast({{ expression }} as {{ type }})
{%- endmacro %}

{% macro bigquery___safe_cast(expression, type) -%}
    safe_cast({{ expression }} as {{ type }})
{%- endmacro %}
