{# A hash column as lower-case hex text of 32 characters, the form that marts show. #}
{% macro hash_to_text(expression) -%}
    {{ return(adapter.dispatch('hash_to_text')(expression)) }}
{%- endmacro %}

{% macro duckdb__hash_to_text(expression) -%}
    replace(cast({{ expression }} as string), '-', '')
{%- endmacro %}

{% macro bigquery__hash_to_text(expression) -%}
    {{ expression }}
{%- endmacro %}
