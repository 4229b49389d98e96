{#
    When a source had a key and when it had not: rows with `is_present`; insert-only.

    parent_key: column with the parent's hash; a row where it is null says nothing.
    is_deleted: column that says that the key has gone. With it, each row is a statement, kept once per
        key, time and presence, the first in load order; a key is there at a time if the last statement
        until then, by time and load order, says so. Late and repeated rows find their place by time.
        Without it, the source delivers full lists of its keys: the rows of one record source and time
        are a list, delivered whole. A key appears with the first list that has it, and disappears
        with the first that lacks it; only these changes are kept, and one row of the zero key per
        list. A list that is not newer than those before it says nothing any more: an old one delivered
        again changes nothing. A list without any key is not to be told from no list, and is none.
    effective_from: column with the time of the statement or list; the load time by default.
    is_present: what to call the column that tells presence from absence.
    ghost_record: for statements only; lists have rows of the zero key anyway.
    Other arguments as in `satellite`.
#}
{% macro record_tracking_satellite(
    sources, parent_key, is_deleted=none, effective_from=none, is_present='is_present',
    load_datetime='load_datetime', record_source='record_source', load_order=none, ghost_record=false
) -%}
    {%- do _require_arguments('record_tracking_satellite', {
        'sources': sources, 'parent_key': parent_key}) -%}
    {%- if ghost_record and not is_deleted -%}
        {{ _argument_error("record_tracking_satellite has a ghost record only with 'is_deleted'") }}
    {%- endif -%}
    {{ adapter.dispatch('record_tracking_satellite')(
        sources, parent_key, is_deleted, effective_from, is_present, load_datetime, record_source,
        load_order or _default_load_order(), ghost_record
    ) }}
{%- endmacro %}

{% macro default__record_tracking_satellite(
    sources, parent_key, is_deleted, effective_from, is_present, load_datetime, record_source,
    load_order, ghost_record
) %}
    {%- set time = effective_from or load_datetime -%}
    {%- set present = 'not coalesce(' ~ is_deleted ~ ', false)' if is_deleted else 'true' -%}
    {%- set columns = [[parent_key, parent_key], [is_present, present]]
        + _named_columns(effective_from) + _named_columns([load_datetime, record_source]) -%}
    {%- set columns = columns + _named_columns(
        _extra_order_columns(load_order, columns | map(attribute='0') | list)) -%}
    {%- if is_deleted -%}
        {%- set moment = "cast('1970-01-01 00:00:00' as timestamp)" -%}
        {%- set ghost = _ghost_values(
            [parent_key], load_datetime, record_source, {is_present: 'false', time: moment})
            if ghost_record else none -%}
        {{ _insert_only(
            'record_tracking_satellite', sources, [parent_key, is_present, time], columns,
            [parent_key, time], load_order, 'true', ghost) }}
    {%- else -%}
        {{- _key_lists(
            sources, parent_key, is_present, time, record_source, columns, load_order) }}
    {%- endif -%}
{%- endmacro %}


{# Appearances and disappearances by full lists of keys, and a row of the zero key per list. #}
{% macro _key_lists(sources, parent_key, is_present, time, record_source, columns, load_order) %}
{%- set names = columns | map(attribute='0') | list %}
{%- set order = load_order | join(', ') %}
{%- set by_source_and_key = record_source ~ ', ' ~ parent_key %}
with incoming as (
    {{- _union_of_sources('record_tracking_satellite', sources, columns, [parent_key, time]) }}
),

{#- A list is known by its first row. #}
lists as (
    select *
    from incoming
    qualify row_number() over (partition by {{ record_source }}, {{ time }} order by {{ order }}) = 1
),

newer_lists as (
    select *
    from lists
    {%- if is_incremental() %}
    where not exists (
        select 1
        from {{ this }} as stored
        where
            stored.{{ parent_key }} = {{ hash_zero() }}
            and stored.{{ record_source }} = lists.{{ record_source }}
            and stored.{{ time }} >= lists.{{ time }}
    )
    {%- endif %}
    qualify coalesce({{ time }} > max({{ time }}) over (
        partition by {{ record_source }} order by {{ order }}
        rows between unbounded preceding and 1 preceding
    ), true)
),

numbered_lists as (
    select
        *,
        row_number() over (partition by {{ record_source }} order by {{ time }}) as list_number
    from newer_lists
),

listed as (
    select
        {%- for name in names %}
        incoming.{{ name }},
        {%- endfor %}
        numbered_lists.list_number
    from incoming
    inner join numbered_lists
        on {{ _same([record_source, time], 'incoming', 'numbered_lists') }}
    qualify row_number() over (
        partition by {{ _of('incoming', [record_source, parent_key, time]) }}
        order by {{ _of('incoming', load_order) }}
    ) = 1
    {%- if is_incremental() %}
    union all
    select
        {%- for name in names %}
        last_rows.{{ name }},
        {%- endfor %}
        0 as list_number
    from (
        select *
        from {{ this }}
        where {{ parent_key }} <> {{ hash_zero() }}
        qualify row_number() over (
            partition by {{ by_source_and_key }} order by {{ time }} desc
        ) = 1
    ) as last_rows
    where last_rows.{{ is_present }}
    {%- endif %}
),

neighbours as (
    select
        *,
        lag(list_number) over (
            partition by {{ by_source_and_key }} order by list_number
        ) as list_before,
        lead(list_number) over (
            partition by {{ by_source_and_key }} order by list_number
        ) as list_after
    from listed
),

tracked as (
    select {{ names | join(', ') }}
    from neighbours
    where list_number > 0 and list_before is distinct from list_number - 1
    union all
    select
        {%- for name in names %}
        {%- if name == parent_key %}
        neighbours.{{ name }},
        {%- elif name == is_present %}
        false as {{ name }},
        {%- else %}
        numbered_lists.{{ name }}{{ ',' if not loop.last }}
        {%- endif %}
        {%- endfor %}
    from neighbours
    inner join numbered_lists
        on
            neighbours.{{ record_source }} = numbered_lists.{{ record_source }}
            and neighbours.list_number + 1 = numbered_lists.list_number
    where neighbours.list_after is distinct from neighbours.list_number + 1
    union all
    select
        {%- for name in names %}
        {{ hash_zero() ~ ' as ' if name == parent_key }}{{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from numbered_lists
)

select
    {%- for name in names %}
    {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from tracked
{% endmacro %}
