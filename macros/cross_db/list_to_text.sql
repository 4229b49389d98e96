{# The texts of a list joined by `delimiter`, without the nulls; empty for an empty or missing list. #}
{% macro list_to_text(list, delimiter=', ') -%}
    coalesce(array_to_string({{ list }}, '{{ delimiter }}'), '')
{%- endmacro %}
