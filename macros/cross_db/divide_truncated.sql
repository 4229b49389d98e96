{# The integer quotient of two integers, towards zero (`-7` by `2` is `-3`); null over 0. #}
{% macro divide_truncated(dividend, divisor) -%}
    {{ return(adapter.dispatch('divide_truncated')(dividend, divisor)) }}
{%- endmacro %}

{% macro duckdb__divide_truncated(dividend, divisor) -%}
    (({{ dividend }}) // nullif({{ divisor }}, 0))
{%- endmacro %}

{# The emulator forgets where an argument begins and ends. #}
{% macro bigquery__divide_truncated(dividend, divisor) -%}
    div(({{ dividend }}), nullif({{ divisor }}, 0))
{%- endmacro %}
