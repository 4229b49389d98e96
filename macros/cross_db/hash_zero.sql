{# The hash of no key at all (all zero bits): the key of ghost records. #}
{% macro hash_zero() -%}
    {{ return(adapter.dispatch('hash_zero')()) }}
{%- endmacro %}

{% macro duckdb__hash_zero() -%}
    cast('00000000-0000-0000-0000-000000000000' as uuid)
{%- endmacro %}

{% macro bigquery__hash_zero() -%}
    '00000000000000000000000000000000'
{%- endmacro %}
