{# A timestamp moved by a number of microseconds (an expression, may be negative). #}
{% macro add_micros(timestamp, micros) -%}
    {{ return(adapter.dispatch('add_micros')(timestamp, micros)) }}
{%- endmacro %}

{% macro duckdb__add_micros(timestamp, micros) -%}
    ({{ timestamp }} + to_microseconds({{ micros }}))
{%- endmacro %}

{% macro bigquery__add_micros(timestamp, micros) -%}
    timestamp_add({{ timestamp }}, interval {{ micros }} microsecond)
{%- endmacro %}
