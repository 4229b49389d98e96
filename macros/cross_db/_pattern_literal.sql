{# A pattern or a replacement as a literal in which backslashes stand for themselves. #}
{% macro _pattern_literal(pattern) -%}
    {{ return(adapter.dispatch('_pattern_literal')(pattern)) }}
{%- endmacro %}

{% macro duckdb___pattern_literal(pattern) -%}
    '{{ pattern | replace("'", "''") }}'
{%- endmacro %}

{# A raw literal cannot hold its own quote. #}
{% macro bigquery___pattern_literal(pattern) -%}
    {%- set quote = '"""' if "'" in pattern else "'" -%}
    r{{ quote }}{{ pattern }}{{ quote }}
{%- endmacro %}
