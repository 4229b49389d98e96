{#
    a * b as decimal(38, 9), rounded half away from zero from the exact product; null where a side is
    null. For amounts times FX rates: exact while |a * b| < 1.7e20, an error beyond.
#}
{% macro multiply_rounded(a, b) -%}
    {{ return(adapter.dispatch('multiply_rounded')(a, b)) }}
{%- endmacro %}

{% macro duckdb__multiply_rounded(a, b) -%}
    {%- set product = '(' ~ _duckdb_nanos(a) ~ ' * ' ~ _duckdb_nanos(b) ~ ')' -%}
    {{ _duckdb_from_nanos(
        'sign(' ~ product ~ ') * ((abs(' ~ product ~ ') + 500000000) // 1000000000)'
    ) }}
{%- endmacro %}

{# The outer cast is for the emulator, which keeps all eighteen decimals. #}
{% macro bigquery__multiply_rounded(a, b) -%}
    cast(cast({{ a }} as numeric(38, 9)) * cast({{ b }} as numeric(38, 9)) as numeric(38, 9))
{%- endmacro %}
