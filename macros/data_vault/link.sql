{#
    One row per relation of hubs, the first in load order; insert-only.

    hash_key: column of the hash over all business keys of the relation.
    hub_keys: columns with the hashes of the hubs, or {name: expression}. A row where one of them or
        the hash key is null gives none.
    Other arguments as in `hub`.
#}
{% macro link(
    sources, hash_key, hub_keys, load_datetime='load_datetime', record_source='record_source',
    load_order=none, ghost_record=false
) -%}
    {%- do _require_arguments('link', {
        'sources': sources, 'hash_key': hash_key, 'hub_keys': hub_keys}) -%}
    {{ adapter.dispatch('link')(
        sources, hash_key, hub_keys, load_datetime, record_source,
        load_order or _default_load_order(), ghost_record
    ) }}
{%- endmacro %}

{% macro default__link(
    sources, hash_key, hub_keys, load_datetime, record_source, load_order, ghost_record
) %}
    {%- set keys = _named_columns(hash_key) + _named_columns(hub_keys) -%}
    {%- set key_names = keys | map(attribute='0') | list -%}
    {%- set columns = keys + _named_columns([load_datetime, record_source]) -%}
    {%- set columns = columns + _named_columns(
        _extra_order_columns(load_order, columns | map(attribute='0') | list)) -%}
    {%- set ghost = _ghost_values(key_names, load_datetime, record_source, none)
        if ghost_record else none -%}
    {{ _insert_only('link', sources, hash_key, columns, key_names, load_order, 'true', ghost) }}
{%- endmacro %}
