{#
    The MD5 of a text in the engine's hash type. Canonical is lower-case hex (`hash_to_text`);
    DuckDB carries it as UUID, a 128-bit integer that prints as that same hex: 1.5 times less CPU than
    text from staging to mart, and, unlike UHUGEINT, it survives Parquet and Arrow unchanged
    (docs/decisions/adr-0003-hash-contract.md).
#}
{% macro md5_hash(expression) -%}
    {{ return(adapter.dispatch('md5_hash')(expression)) }}
{%- endmacro %}

{% macro duckdb__md5_hash(expression) -%}
    cast(md5({{ expression }}) as uuid)
{%- endmacro %}

{% macro bigquery__md5_hash(expression) -%}
    to_hex(md5({{ expression }}))
{%- endmacro %}
