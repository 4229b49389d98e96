{#
    The versions of things that a parent has several of at a time, such as the accounts of a user;
    insert-only.

    parent_key: column with the parent's hash.
    child_keys: columns that tell the parent's rows apart; a row where a key is null gives no version.
    hashdiff: column with the hash over the payload, and over `effective_from` where the source gives
        one; with complete sets over the child keys, too.
    complete_sets: what a delivery of a parent says.
        false: each row speaks for itself. A child keeps its versions whatever comes for the others, and
            ends by a row that says so in its payload (`is_deleted`).
        true: the rows of one load time (and one `effective_from`) are all that the parent has. The set
            is the version: where a row is new, changed or gone, all rows of the set are stored again,
            with the hash of the set as `set_hashdiff`. Of several rows of a child in a set the last
            counts. A delivery without rows is no set.
    Other arguments as in `satellite`, and so is what makes a version.
#}
{% macro multi_active_satellite(
    sources, parent_key, child_keys, hashdiff, payload, effective_from=none, complete_sets=false,
    set_hashdiff='set_hashdiff', load_datetime='load_datetime', record_source='record_source',
    load_order=none, ghost_record=false
) -%}
    {%- do _require_arguments('multi_active_satellite', {
        'sources': sources, 'parent_key': parent_key, 'child_keys': child_keys,
        'hashdiff': hashdiff, 'payload': payload}) -%}
    {{ adapter.dispatch('multi_active_satellite')(
        sources, parent_key, _column_names(child_keys), hashdiff, payload, effective_from,
        complete_sets, set_hashdiff, load_datetime, record_source,
        load_order or _default_load_order(), ghost_record
    ) }}
{%- endmacro %}

{% macro default__multi_active_satellite(
    sources, parent_key, child_keys, hashdiff, payload, effective_from, complete_sets, set_hashdiff,
    load_datetime, record_source, load_order, ghost_record
) %}
    {%- if complete_sets -%}
        {{- _complete_sets(
            sources, parent_key, child_keys, hashdiff, payload, effective_from, set_hashdiff,
            load_datetime, record_source, load_order, ghost_record
        ) }}
    {%- else -%}
        {{- _satellite_rows(
            'multi_active_satellite', sources, [parent_key] + child_keys, hashdiff, payload,
            effective_from, load_datetime, record_source, load_order, ghost_record
        ) }}
    {%- endif -%}
{%- endmacro %}


{# The sets get versions as rows of a satellite do; a set comes where its first row does. #}
{% macro _complete_sets(
    sources, parent_key, child_keys, hashdiff, payload, effective_from, set_hashdiff, load_datetime,
    record_source, load_order, ghost_record
) %}
{%- set times = [load_datetime] + ([effective_from] if effective_from else []) %}
{%- set columns = _named_columns([parent_key] + child_keys + [hashdiff])
    + _named_columns(effective_from) + _named_columns(payload)
    + _named_columns([load_datetime, record_source]) %}
{%- set columns = columns + _named_columns(
    _extra_order_columns(load_order, columns | map(attribute='0') | list)) %}
{%- set names = columns | map(attribute='0') | list %}
{%- set delivery = [parent_key] + times %}
{%- set order = load_order | join(', ') %}
{%- set set_names = ([parent_key, set_hashdiff] + times + load_order) | unique | list %}
{%- set stored -%}
(
        select {{ set_names | join(', ') }}
        from {{ this }}
        qualify row_number() over (partition by {{ delivery | join(', ') }} order by {{ order }}) = 1
    )
{%- endset %}
with delivered as (
    {{- _union_of_sources(
        'multi_active_satellite', sources, columns, [parent_key] + child_keys) }}
),

members as (
    select *
    from delivered
    qualify row_number() over (
        partition by {{ (delivery + child_keys) | join(', ') }}
        order by {{ load_order | join(' desc, ') }} desc
    ) = 1
),

set_hashes as (
    select
        {{ delivery | join(',\n        ') }},
        {{ md5_hash(dbt.listagg(
            hash_to_text(hashdiff), "''", 'order by ' ~ hash_to_text(hashdiff)
        )) }} as {{ set_hashdiff }}
    from members
    group by {{ delivery | join(', ') }}
),

hashed_members as (
    select
        {%- for name in names %}
        members.{{ name }},
        {%- endfor %}
        set_hashes.{{ set_hashdiff }}
    from members
    inner join set_hashes
        on
            {{ _same([parent_key, load_datetime], 'members', 'set_hashes') }}
            {%- if effective_from %}
            and members.{{ effective_from }} is not distinct from set_hashes.{{ effective_from }}
            {%- endif %}
),

incoming as (
    select {{ set_names | join(', ') }}
    from hashed_members
    qualify row_number() over (partition by {{ delivery | join(', ') }} order by {{ order }}) = 1
),
{{ _versions(
    set_names, [parent_key], set_hashdiff, effective_from, load_datetime, load_order, stored) }}

select
    {%- for name in names %}
    hashed_members.{{ name }},
    {%- endfor %}
    hashed_members.{{ set_hashdiff }}
from hashed_members
inner join versions
    on
        {{ _same([parent_key, load_datetime], 'hashed_members', 'versions') }}
        {%- if effective_from %}
        and hashed_members.{{ effective_from }} is not distinct from versions.{{ effective_from }}
        {%- endif %}
{%- if ghost_record %}
{{- _ghost_row(
    names + [set_hashdiff],
    _ghost_values(
        [parent_key] + child_keys + [hashdiff, set_hashdiff], load_datetime, record_source, none),
    parent_key) }}
{%- endif %}
{% endmacro %}
