{#
    One row per business key, the first in load order; insert-only.

    sources: a relation, or a list of relations, CTE names or {relation, columns, where}.
    hash_key: column of the key's hash; a row where it is null (a null or empty key part) gives none.
    business_keys: columns, or {name: expression}.
    load_order: columns that order rows totally, the same in increments and in a rebuild.
    ghost_record: also one row with the zero key, for joins that must find something;
        ghost_values {name: expression} for columns of it that must not be null.
#}
{% macro hub(
    sources, hash_key, business_keys, load_datetime='load_datetime', record_source='record_source',
    load_order=none, ghost_record=false, ghost_values=none
) -%}
    {%- do _require_arguments('hub', {
        'sources': sources, 'hash_key': hash_key, 'business_keys': business_keys}) -%}
    {{ adapter.dispatch('hub')(
        sources, hash_key, business_keys, load_datetime, record_source,
        load_order or _default_load_order(), ghost_record, ghost_values
    ) }}
{%- endmacro %}

{% macro default__hub(
    sources, hash_key, business_keys, load_datetime, record_source, load_order, ghost_record,
    ghost_values
) %}
    {%- set columns = _named_columns(hash_key) + _named_columns(business_keys)
        + _named_columns([load_datetime, record_source]) -%}
    {%- set columns = columns + _named_columns(
        _extra_order_columns(load_order, columns | map(attribute='0') | list)) -%}
    {%- set ghost = _ghost_values([hash_key], load_datetime, record_source, ghost_values)
        if ghost_record else none -%}
    {{ _insert_only('hub', sources, hash_key, columns, [hash_key], load_order, 'true', ghost) }}
{%- endmacro %}
