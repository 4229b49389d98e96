{# The hour (0 to 23) of a UTC timestamp in a named time zone (an expression, IANA name). #}
{% macro hour_in_zone(timestamp, time_zone) -%}
    {{ return(adapter.dispatch('hour_in_zone')(timestamp, time_zone)) }}
{%- endmacro %}

{% macro duckdb__hour_in_zone(timestamp, time_zone) -%}
    extract(hour from timezone({{ time_zone }}, timezone('UTC', {{ timestamp }})))
{%- endmacro %}

{% macro bigquery__hour_in_zone(timestamp, time_zone) -%}
    extract(hour from {{ timestamp }} at time zone {{ time_zone }})
{%- endmacro %}
