{#
    A text as a 64-bit integer; null where it is not plain decimal digits with an optional minus.
    The guard is needed: DuckDB's try_cast rounds '1.5' and takes '1e3', BigQuery takes '0x10'.
#}
{% macro safe_integer(text) -%}
    {{ return(adapter.dispatch('safe_integer')(text)) }}
{%- endmacro %}

{% macro duckdb__safe_integer(text) -%}
    case when regexp_matches({{ text }}, '^-?[0-9]{1,19}$') then try_cast({{ text }} as bigint) end
{%- endmacro %}

{% macro bigquery__safe_integer(text) -%}
    case when regexp_contains({{ text }}, '^-?[0-9]{1,19}$') then safe_cast({{ text }} as int64) end
{%- endmacro %}
