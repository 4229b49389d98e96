{# The parts of a text between delimiters, as a list; one empty part of an empty text, null of null. #}
{% macro split_text(text, delimiter) -%}
    {{ return(adapter.dispatch('split_text')(text, delimiter)) }}
{%- endmacro %}

{% macro duckdb__split_text(text, delimiter) -%}
    string_split({{ text }}, '{{ delimiter }}')
{%- endmacro %}

{% macro bigquery__split_text(text, delimiter) -%}
    split({{ text }}, '{{ delimiter }}')
{%- endmacro %}
