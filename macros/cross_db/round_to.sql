{#
    An amount rounded half away from zero to some decimals (an expression, 0 to 9), as decimal(38, 9);
    exact while it has at most 20 integer digits. To the minor unit of a currency, for one.
#}
{% macro round_to(amount, decimals) -%}
    {{ return(adapter.dispatch('round_to')(amount, decimals)) }}
{%- endmacro %}

{# DuckDB's round takes the decimals from a literal only. #}
{% macro duckdb__round_to(amount, decimals) -%}
    {%- set n = _duckdb_nanos(amount) -%}
    {%- set unit = 'cast(pow(10, 9 - (' ~ decimals ~ ')) as hugeint)' -%}
    {{ _duckdb_from_nanos(
        'sign(' ~ n ~ ') * ((2 * abs(' ~ n ~ ') + ' ~ unit ~ ') // (2 * ' ~ unit ~ ')) * ' ~ unit
    ) }}
{%- endmacro %}

{#
    BigQuery's round takes them from a column, too; its emulator does not. Powers are written out, since
    `pow` is a float.
#}
{% macro bigquery__round_to(amount, decimals) -%}
    {{ multiply_rounded(
        'round(' ~ multiply_rounded(amount, _power_of_ten(decimals)) ~ ')',
        _power_of_ten(decimals, -1)
    ) }}
{%- endmacro %}

{# 10 to the power of an expression, 0 to 9, or of its negative, as numeric. #}
{% macro _power_of_ten(exponent, sign=1) -%}
    case {{ exponent }}
        {%- for n in range(10) %}
        {%- set power = '1' ~ '0' * n if sign > 0 or n == 0 else '0.' ~ '0' * (n - 1) ~ '1' %}
        when {{ n }} then cast('{{ power }}' as numeric(38, 9))
        {%- endfor %}
    end
{%- endmacro %}
