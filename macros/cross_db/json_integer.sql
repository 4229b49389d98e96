{# The integer at a path (`$.a.b[0]`) of a JSON document in a text; null where it is not one (ADR 0012). #}
{% macro json_integer(json, path) -%}
    {{ _safe_cast(_json_scalar(json, path, 'integer'), 'bigint') }}
{%- endmacro %}
