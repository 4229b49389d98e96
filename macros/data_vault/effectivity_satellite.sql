{#
    When a relation held: a row for each time that it began, was confirmed, or ended; insert-only.

    link_key: column with the relation's hash.
    driving_keys: keys that have one such relation at a time. A relation with another partner ends the
        one before it. Where a thing may have several at a time, all keys drive, and a relation ends
        only when its source says so.
    other_keys: the partner's keys. A row where the link key is null, or that is deleted and names no
        partner, says that the driving key has no relation from then on; it is kept with a null link
        key, and ends the relation before it.
    is_deleted: column that says that the relation has ended; a source without deletions has none.
    effective_from: column with the source's own time of the statement; the load time by default.
    is_active: what to call the column that tells beginnings from ends.
    is_implied: what to call the column that says that a relation ended because the driving key has
        another one, or none.

    A relation is active at a time if the last of its rows until then, by time and load order, is.
    Rows are opened and closed by business time, whatever the order of arrival: what comes late ends at
    the next statement that is known, and ends the one before it. All statements are kept, each once
    (link, time, active or not), the first in load order; so a confirmation is a row, too, and an end
    may be implied where there is one already. Feed changes, not full copies.
    Other arguments as in `satellite`.
#}
{% macro effectivity_satellite(
    sources, link_key, driving_keys, other_keys=[], is_deleted=none, effective_from=none,
    is_active='is_active', is_implied='is_implied', load_datetime='load_datetime',
    record_source='record_source', load_order=none, ghost_record=false
) -%}
    {%- do _require_arguments('effectivity_satellite', {
        'sources': sources, 'link_key': link_key, 'driving_keys': driving_keys}) -%}
    {{ adapter.dispatch('effectivity_satellite')(
        sources, link_key, _column_names(driving_keys), _column_names(other_keys), is_deleted,
        effective_from, is_active, is_implied, load_datetime, record_source,
        load_order or _default_load_order(), ghost_record
    ) }}
{%- endmacro %}

{% macro default__effectivity_satellite(
    sources, link_key, driving_keys, other_keys, is_deleted, effective_from, is_active, is_implied,
    load_datetime, record_source, load_order, ghost_record
) %}
{%- set time = effective_from or load_datetime %}
{%- set active = 'not coalesce(' ~ is_deleted ~ ', false)' if is_deleted else 'true' %}
{%- set columns = _named_columns([link_key] + driving_keys + other_keys) + [[is_active, active]]
    + _named_columns(effective_from) + _named_columns([load_datetime, record_source]) %}
{%- set columns = columns + _named_columns(
    _extra_order_columns(load_order, columns | map(attribute='0') | list)) %}
{%- set names = columns | map(attribute='0') | list %}
{%- set order = load_order | join(', ') %}
{%- set by_driver = driving_keys | join(', ') %}
{#- What a statement says by itself; the rest tells who said it, and when. #}
{%- set relation = [link_key] + driving_keys + other_keys %}
{%- set telling = names | reject('in', relation + [is_active, time]) | list %}
with incoming as (
    {{- _union_of_sources('effectivity_satellite', sources, columns, driving_keys + [time]) }}
),

{#- Without a relation there is nothing to be active. #}
statements as (
    select
        {%- for name in names if name != is_active %}
        {{ name }},
        {%- endfor %}
        {{ is_active }} and {{ link_key }} is not null as {{ is_active }}
    from incoming
),

new_statements as (
    select statements.*
    from statements
    {%- if is_incremental() %}
    where not exists (
        select 1
        from {{ this }} as stored
        where
            {{ _same(driving_keys + [time, is_active], 'stored', 'statements') }}
            and not stored.{{ is_implied }}
            and stored.{{ link_key }} is not distinct from statements.{{ link_key }}
    )
    {%- endif %}
    qualify row_number() over (
        partition by {{ by_driver }}, {{ link_key }}, {{ time }}, {{ is_active }}
        order by {{ order }}
    ) = 1
),

{#- Who the driving key is related to from when on: all but the ends of single relations. #}
known_turns as (
    select
        {{ names | join(',\n        ') }},
        1 as is_new
    from new_statements
    where {{ is_active }} or {{ link_key }} is null
    {%- if is_incremental() %}
    union all
    select
        {{ names | join(',\n        ') }},
        0 as is_new
    from {{ this }} as stored
    where
        (stored.{{ is_active }} or stored.{{ link_key }} is null)
        and exists (
            select 1 from new_statements where {{ _same(driving_keys, 'new_statements', 'stored') }}
        )
    {%- endif %}
),

turns as (
    select
        *,
        row_number() over (partition by {{ by_driver }} order by {{ order }}) as turn_number
    from known_turns
),

{#- The turns either side of a new one in time, among those that were loaded before it. #}
turns_before as (
    select
        {%- for name in relation %}
        earlier.{{ name }},
        {%- endfor %}
        new_turns.{{ link_key }} as next_link_key,
        {%- for name in telling + [time] %}
        new_turns.{{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from turns as new_turns
    inner join turns as earlier
        on
            {{ _same(driving_keys, 'new_turns', 'earlier') }}
            and new_turns.turn_number > earlier.turn_number
            and new_turns.{{ time }} >= earlier.{{ time }}
    where new_turns.is_new = 1
    qualify row_number() over (
        partition by {{ _of('new_turns', driving_keys) }}, new_turns.turn_number
        order by earlier.{{ time }} desc, earlier.turn_number desc
    ) = 1
),

turns_after as (
    select
        {%- for name in relation %}
        new_turns.{{ name }},
        {%- endfor %}
        later.{{ link_key }} as next_link_key,
        {%- for name in telling %}
        new_turns.{{ name }},
        {%- endfor %}
        later.{{ time }} as next_time
    from turns as new_turns
    inner join turns as later
        on
            {{ _same(driving_keys, 'new_turns', 'later') }}
            and new_turns.turn_number > later.turn_number
            and new_turns.{{ time }} < later.{{ time }}
    where new_turns.is_new = 1
    qualify row_number() over (
        partition by {{ _of('new_turns', driving_keys) }}, new_turns.turn_number
        order by later.{{ time }}, later.turn_number desc
    ) = 1
),

effectivity as (
    select
        {{ names | join(',\n        ') }},
        false as {{ is_implied }}
    from new_statements
    union all
    select
        {%- for name in names %}
        {{ 'false as ' if name == is_active }}{{ name }},
        {%- endfor %}
        true as {{ is_implied }}
    from turns_before
    where {{ link_key }} is not null and {{ link_key }} is distinct from next_link_key
    union all
    select
        {%- for name in names %}
        {{ 'false as ' if name == is_active }}
        {{- 'next_time as ' if name == time }}{{ name }},
        {%- endfor %}
        true as {{ is_implied }}
    from turns_after
    where {{ link_key }} is not null and {{ link_key }} is distinct from next_link_key
)

select
    {%- for name in names %}
    {{ name }},
    {%- endfor %}
    {{ is_implied }}
from effectivity
{%- if ghost_record %}
{%- set ghost = {
    is_active: 'false',
    is_implied: 'false',
    time: "cast('1970-01-01 00:00:00' as timestamp)",
} %}
{{- _ghost_row(names + [is_implied], _ghost_values(relation, load_datetime, record_source, ghost), link_key) }}
{%- endif %}
{% endmacro %}


{# Columns of a relation, separated by commas. #}
{% macro _of(relation, columns) -%}
    {%- for column in columns -%}
        {{ ', ' if not loop.first }}{{ relation }}.{{ column }}
    {%- endfor -%}
{%- endmacro %}
