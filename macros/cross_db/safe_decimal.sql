{#
    A text as decimal(38, 9); null where it is not decimal notation with at most 29 integer digits and
    nine decimals. The guard keeps engines from rounding or reading exponents each in its own way.
#}
{% macro safe_decimal(text) -%}
    case
        when {{ matches_pattern(text, '^-?[0-9]{1,29}([.][0-9]{1,9})?$') }}
            then {{ _safe_cast(text, 'numeric(38, 9)') }}
    end
{%- endmacro %}
