{#
    A text as a 64-bit integer; null where it is not plain decimal digits with an optional minus.
    The guard is needed: DuckDB's try_cast rounds '1.5' and takes '1e3', BigQuery takes '0x10'.
#}
{% macro safe_integer(text) -%}
    case
        when {{ matches_pattern(text, '^-?[0-9]{1,19}$') }} then {{ _safe_cast(text, 'bigint') }}
    end
{%- endmacro %}
