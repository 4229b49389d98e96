{#
    A text as decimal(38, 9); null where it is not decimal notation with at most 29 integer digits and
    nine decimals. The guard keeps engines from rounding or reading exponents each in its own way.
#}
{% macro safe_decimal(text) -%}
    {{ return(adapter.dispatch('safe_decimal')(text)) }}
{%- endmacro %}

{% macro duckdb__safe_decimal(text) -%}
    case
        when regexp_matches({{ text }}, '^-?[0-9]{1,29}([.][0-9]{1,9})?$')
            then try_cast({{ text }} as decimal(38, 9))
    end
{%- endmacro %}

{% macro bigquery__safe_decimal(text) -%}
    case
        when regexp_contains({{ text }}, '^-?[0-9]{1,29}([.][0-9]{1,9})?$')
            then safe_cast({{ text }} as numeric)
    end
{%- endmacro %}
