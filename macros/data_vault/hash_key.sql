{#
    The hash of a business key; null where a part is null or empty after trimming.

    columns: in the declared order; each `name`, `name:type`, `name:type:lower`, or
        {column: expression, type: ..., case: lower}. Types as in `text_of`; text by default.
#}
{% macro hash_key(columns) -%}
    {%- do _require_arguments('hash_key', {'columns': columns}) -%}
    {%- set parts = [] -%}
    {%- for column in _hash_columns('hash_key', columns) -%}
        {%- do parts.append(_hash_part(column, empty_is_null=true)) -%}
    {%- endfor -%}
    {{ md5_hash(parts | join(" || '|' || ")) }}
{%- endmacro %}
