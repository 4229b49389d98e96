{# The boolean at a path (`$.a.b[0]`) of a JSON document in a text; null where it is not one (ADR 0012). #}
{% macro json_boolean(json, path) -%}
    {{ safe_boolean(_json_scalar(json, path, 'boolean')) }}
{%- endmacro %}
