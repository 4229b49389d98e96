{#
    The hash of descriptive columns: changes if and only if one of them changes, null and empty told
    apart. `columns` as in `hash_key`.
#}
{% macro hashdiff(columns) -%}
    {%- do _require_arguments('hashdiff', {'columns': columns}) -%}
    {%- set parts = [] -%}
    {%- for column in _hash_columns('hashdiff', columns) -%}
        {%- do parts.append("coalesce(" ~ _hash_part(column, empty_is_null=false) ~ ", '^N')") -%}
    {%- endfor -%}
    {{ md5_hash(parts | join(" || '|' || ")) }}
{%- endmacro %}
