{# Whether a list holds a value; false for a missing list, a null value, and a list with nulls without it. #}
{% macro list_has(list, value) -%}
    {{ return(adapter.dispatch('list_has')(list, value)) }}
{%- endmacro %}

{% macro duckdb__list_has(list, value) -%}
    coalesce(list_contains({{ list }}, {{ value }}), false)
{%- endmacro %}

{% macro bigquery__list_has(list, value) -%}
    coalesce({{ value }} in unnest({{ list }}), false)
{%- endmacro %}
