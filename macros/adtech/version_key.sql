{#
    Key of a version of a dimension: of the row of `dimension_versions` that `versions` names.
#}
{% macro version_key(versions) -%}
    {{ hash_to_text(hash_key([
        versions ~ '.business_key',
        versions ~ '.valid_from:timestamp',
        versions ~ '.is_deleted:boolean',
    ])) }}
{%- endmacro %}
