{# A text with all matches of a pattern (RE2) replaced; `\1` in the replacement is the first group. #}
{% macro replace_pattern(text, pattern, replacement) -%}
    {{ return(adapter.dispatch('replace_pattern')(text, pattern, replacement)) }}
{%- endmacro %}

{% macro duckdb__replace_pattern(text, pattern, replacement) -%}
    regexp_replace({{ text }}, {{ _pattern_literal(pattern) }}, {{ _pattern_literal(replacement) }}, 'g')
{%- endmacro %}

{% macro bigquery__replace_pattern(text, pattern, replacement) -%}
    regexp_replace({{ text }}, {{ _pattern_literal(pattern) }}, {{ _pattern_literal(replacement) }})
{%- endmacro %}
