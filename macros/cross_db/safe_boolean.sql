{# A text as a boolean; null where it is neither `true` nor `false`, in any case of letters. #}
{% macro safe_boolean(text) -%}
    case lower({{ text }}) when 'true' then true when 'false' then false end
{%- endmacro %}
