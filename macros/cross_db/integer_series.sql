{# For a CROSS JOIN: one row per integer from `first` to `last` (both included), as column `name`. #}
{% macro integer_series(first, last, name) -%}
    {{ return(adapter.dispatch('integer_series')(first, last, name)) }}
{%- endmacro %}

{% macro duckdb__integer_series(first, last, name) -%}
    unnest(generate_series({{ first }}, {{ last }})) as series_of_{{ name }}({{ name }})
{%- endmacro %}

{% macro bigquery__integer_series(first, last, name) -%}
    unnest(generate_array({{ first }}, {{ last }})) as {{ name }}
{%- endmacro %}
