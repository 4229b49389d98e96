{#
    One row per event (a non-historised link), the first in load order; insert-only.

    hub_keys: hashes of the hubs an event must have; optional_hub_keys: those it may lack (null), as an
        impression without consent has no user.
    event_date: the partition date.
    payload: descriptive columns, or {name: expression}.
    stored_dates: literal predicate on the event date, by which an increment limits the stored rows it
        compares with: the dates of the new rows and so many days either side as two deliveries of one
        key may lie apart. A rebuild compares all.
    Other arguments as in `hub`.
#}
{% macro event_link(
    sources, hash_key, hub_keys, event_date, payload, optional_hub_keys=[], stored_dates='true',
    load_datetime='load_datetime', record_source='record_source', load_order=none
) -%}
    {%- do _require_arguments('event_link', {
        'sources': sources, 'hash_key': hash_key, 'event_date': event_date, 'payload': payload,
        'stored_dates': stored_dates}) -%}
    {{ adapter.dispatch('event_link')(
        sources, hash_key, hub_keys, event_date, payload, optional_hub_keys, stored_dates,
        load_datetime, record_source, load_order or _default_load_order()
    ) }}
{%- endmacro %}

{% macro default__event_link(
    sources, hash_key, hub_keys, event_date, payload, optional_hub_keys, stored_dates, load_datetime,
    record_source, load_order
) %}
    {%- set keys = _named_columns(hash_key) + _named_columns(hub_keys) -%}
    {%- set columns = keys + _named_columns(optional_hub_keys) + _named_columns(event_date)
        + _named_columns(payload) + _named_columns([load_datetime, record_source]) -%}
    {%- set columns = columns + _named_columns(
        _extra_order_columns(load_order, columns | map(attribute='0') | list)) -%}
    {{ _insert_only('event_link', sources, hash_key, columns, keys | map(attribute='0') | list,
        load_order, stored_dates, none) }}
{%- endmacro %}
