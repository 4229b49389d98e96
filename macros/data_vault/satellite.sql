{#
    The versions of a hub's or link's descriptive columns; insert-only.

    parent_key: column with the parent's hash; a row where it is null gives no version.
    hashdiff: column with the hash over the payload, and over `effective_from` where the source gives
        one.
    payload: columns, or {name: expression}.
    effective_from: column with the time from which the source says that the version holds.

    With `effective_from` a version is its key, hashdiff and effective time: each is stored once,
    the first in load order.
    Without it, versions follow from change: a row is stored when its hashdiff differs from the version
    before it in load order (so A, B, A are three), unless a version of the same key, hashdiff and load
    time is stored already, so that an old batch delivered again changes nothing.
    Other arguments as in `hub`.
#}
{% macro satellite(
    sources, parent_key, hashdiff, payload, effective_from=none, load_datetime='load_datetime',
    record_source='record_source', load_order=none, ghost_record=false
) -%}
    {%- do _require_arguments('satellite', {
        'sources': sources, 'parent_key': parent_key, 'hashdiff': hashdiff, 'payload': payload}) -%}
    {{ adapter.dispatch('satellite')(
        sources, parent_key, hashdiff, payload, effective_from, load_datetime, record_source,
        load_order or _default_load_order(), ghost_record
    ) }}
{%- endmacro %}

{% macro default__satellite(
    sources, parent_key, hashdiff, payload, effective_from, load_datetime, record_source, load_order,
    ghost_record
) %}
    {{- _satellite_rows(
        'satellite', sources, [parent_key], hashdiff, payload, effective_from, load_datetime,
        record_source, load_order, ghost_record
    ) }}
{%- endmacro %}
