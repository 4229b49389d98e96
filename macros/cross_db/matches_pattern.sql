{#
    Whether a text contains a match of a pattern (RE2, written plainly: '^[0-9]+$'); null for null.
    Anchor it with `^` and `$` to match the whole text.
#}
{% macro matches_pattern(text, pattern) -%}
    {{ return(adapter.dispatch('matches_pattern')(text, pattern)) }}
{%- endmacro %}

{% macro duckdb__matches_pattern(text, pattern) -%}
    regexp_matches({{ text }}, {{ _pattern_literal(pattern) }})
{%- endmacro %}

{% macro bigquery__matches_pattern(text, pattern) -%}
    regexp_contains({{ text }}, {{ _pattern_literal(pattern) }})
{%- endmacro %}
