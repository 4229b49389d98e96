{# The calendar date of a UTC timestamp in a named time zone (an expression, IANA name). #}
{% macro date_in_zone(timestamp, time_zone) -%}
    {{ return(adapter.dispatch('date_in_zone')(timestamp, time_zone)) }}
{%- endmacro %}

{% macro duckdb__date_in_zone(timestamp, time_zone) -%}
    cast(timezone({{ time_zone }}, timezone('UTC', {{ timestamp }})) as date)
{%- endmacro %}

{% macro bigquery__date_in_zone(timestamp, time_zone) -%}
    date({{ timestamp }}, {{ time_zone }})
{%- endmacro %}
