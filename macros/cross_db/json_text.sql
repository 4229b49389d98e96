{# The text at a path (`$.a.b[0]`) of a JSON document in a text; null where it is not one (ADR 0012). #}
{% macro json_text(json, path) -%}
    {{ _json_scalar(json, path, 'text') }}
{%- endmacro %}
