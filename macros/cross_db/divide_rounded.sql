{#
    dividend / divisor as decimal(38, 9), rounded half away from zero from the exact quotient; null
    where the divisor is 0 or a side is null. Both may be integers or decimals with up to nine decimals;
    exact while |dividend| < 8.5e19 and both have at most 20 integer digits.
#}
{% macro divide_rounded(dividend, divisor) -%}
    {{ return(adapter.dispatch('divide_rounded')(dividend, divisor)) }}
{%- endmacro %}

{# DuckDB divides decimals as DOUBLE, so the quotient is made of integers (128 bit). #}
{% macro duckdb__divide_rounded(dividend, divisor) -%}
    {%- set n = _duckdb_nanos(dividend) -%}
    {%- set d = _duckdb_nanos(divisor) -%}
    {{ _duckdb_from_nanos(
        'sign(' ~ n ~ ') * sign(' ~ d ~ ') * ((2000000000 * abs(' ~ n ~ ') + abs(' ~ d ~ ')) // nullif(2 * abs(' ~ d ~ '), 0))'
    ) }}
{%- endmacro %}

{% macro bigquery__divide_rounded(dividend, divisor) -%}
    (cast({{ dividend }} as numeric(38, 9)) / nullif(cast({{ divisor }} as numeric(38, 9)), 0))
{%- endmacro %}


{# A number as an exact count of billionths. #}
{% macro _duckdb_nanos(expression) -%}
    cast(cast({{ expression }} as decimal(38, 9)) * 1000000000 as hugeint)
{%- endmacro %}

{% macro _duckdb_from_nanos(expression) -%}
    cast(cast({{ expression }} as decimal(38, 0)) * 0.000000001 as decimal(38, 9))
{%- endmacro %}
