{# The ISO 8601 week of a date, 1 to 53. Its year is `extract(isoyear from date)` on every engine. #}
{% macro iso_week(date) -%}
    {{ return(adapter.dispatch('iso_week')(date)) }}
{%- endmacro %}

{% macro duckdb__iso_week(date) -%}
    extract(week from {{ date }})
{%- endmacro %}

{% macro bigquery__iso_week(date) -%}
    extract(isoweek from {{ date }})
{%- endmacro %}
