{# Trims space, tab, line feed and carriage return, and nothing else: engines' defaults differ. #}
{% macro trim_space(expression) -%}
    {{ return(adapter.dispatch('trim_space')(expression)) }}
{%- endmacro %}

{% macro duckdb__trim_space(expression) -%}
    trim({{ expression }}, e' \t\n\r')
{%- endmacro %}

{% macro bigquery__trim_space(expression) -%}
    trim({{ expression }}, ' \t\n\r')
{%- endmacro %}
