{# Microseconds from one timestamp to another, as an integer; negative when `finish` is earlier. #}
{% macro micros_between(start, finish) -%}
    {{ return(adapter.dispatch('micros_between')(start, finish)) }}
{%- endmacro %}

{% macro duckdb__micros_between(start, finish) -%}
    (epoch_us({{ finish }}) - epoch_us({{ start }}))
{%- endmacro %}

{% macro bigquery__micros_between(start, finish) -%}
    timestamp_diff({{ finish }}, {{ start }}, microsecond)
{%- endmacro %}
