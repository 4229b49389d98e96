{#
    An integer count of 10^-scale units as an exact decimal(38, 9): `micros_to_amount`,
    `nanos_to_amount`.
#}
{% macro scaled_amount(integer, scale) -%}
    {{ return(adapter.dispatch('scaled_amount')(integer, scale)) }}
{%- endmacro %}

{# DuckDB's literal is a decimal, BigQuery's would be a float. #}
{% macro duckdb__scaled_amount(integer, scale) -%}
    cast(cast({{ integer }} as decimal(38, 0)) * 0.{{ '0' * (scale - 1) }}1 as decimal(38, 9))
{%- endmacro %}

{% macro bigquery__scaled_amount(integer, scale) -%}
    {%- set unit = "cast('0." ~ '0' * (scale - 1) ~ "1' as numeric(38, 9))" -%}
    {{ multiply_rounded(integer, unit) }}
{%- endmacro %}
