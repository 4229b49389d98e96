{# Number of elements of a list; 0 for a missing one, because BigQuery stores no missing list. #}
{% macro list_length(list) -%}
    {{ return(adapter.dispatch('list_length')(list)) }}
{%- endmacro %}

{% macro duckdb__list_length(list) -%}
    coalesce(len({{ list }}), 0)
{%- endmacro %}

{% macro bigquery__list_length(list) -%}
    coalesce(array_length({{ list }}), 0)
{%- endmacro %}
