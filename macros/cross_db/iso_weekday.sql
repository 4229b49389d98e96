{# The ISO 8601 day of the week, 1 (Monday) to 7 (Sunday). #}
{% macro iso_weekday(date) -%}
    {{ return(adapter.dispatch('iso_weekday')(date)) }}
{%- endmacro %}

{% macro duckdb__iso_weekday(date) -%}
    extract(isodow from {{ date }})
{%- endmacro %}

{% macro bigquery__iso_weekday(date) -%}
    (mod(extract(dayofweek from {{ date }}) + 5, 7) + 1)
{%- endmacro %}
