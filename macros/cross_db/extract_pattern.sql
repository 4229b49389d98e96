{#
    What the one group of a pattern (RE2) matched first in a text; null where it matched nothing or
    the empty text, which one engine cannot tell apart.
#}
{% macro extract_pattern(text, pattern) -%}
    {{ return(adapter.dispatch('extract_pattern')(text, pattern)) }}
{%- endmacro %}

{% macro duckdb__extract_pattern(text, pattern) -%}
    nullif(regexp_extract({{ text }}, {{ _pattern_literal(pattern) }}, 1), '')
{%- endmacro %}

{% macro bigquery__extract_pattern(text, pattern) -%}
    nullif(regexp_extract({{ text }}, {{ _pattern_literal(pattern) }}), '')
{%- endmacro %}
