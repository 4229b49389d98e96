{#
    Point in time: which version of each satellite holds, for each key of a hub (or link) and each
    stretch of time, `valid_from` (included) to `valid_to` (excluded); at any time a key has exactly
    one row. With `as_of`: for each key and moment instead.

    hub: the relation with all keys; hash_key: its key.
    satellites: list of {relation, name, hashdiff, effective_from, columns, parent_key, where, load_order}:
        name        begins the names of the pointers: `<name>_hashdiff` and `<name>_<time column>`
        hashdiff    its column; left out where a key and a time alone name a row
        effective_from  column of the time a version holds from; the load time by default
        columns     columns of the version to show, or {name: column}
        parent_key  column of the key, where it is called otherwise
        where       which rows count
    as_of, as_of_column: a relation or CTE of moments (timestamps, or dates: their start) and the column.
    ghost_record: where there is no version, the pointers name the ghost records of the satellites, and
        `<name>_hk` is the key to find them by, so that an inner join finds a row everywhere.
    load_order: of versions from one time, the last counts.

    Everything is computed anew from the rows of the satellites: for a table or view, not for an
    incremental model.
#}
{% macro pit(
    hub, hash_key, satellites, as_of=none, as_of_column='as_of', ghost_record=false,
    load_datetime='load_datetime', load_order=none
) -%}
    {%- do _require_arguments('pit', {
        'hub': hub, 'hash_key': hash_key, 'satellites': satellites}) -%}
    {%- set specified = [satellites] if satellites is mapping else satellites -%}
    {%- for satellite in specified -%}
        {%- for name in ('relation', 'name') if not satellite.get(name) -%}
            {{ _argument_error("pit needs '" ~ name ~ "' of each satellite") }}
        {%- endfor -%}
        {%- set known = ['relation', 'name', 'hashdiff', 'effective_from', 'columns', 'parent_key',
            'where', 'load_order'] -%}
        {%- for name in satellite if name not in known -%}
            {{ _argument_error("pit knows no '" ~ name ~ "' of a satellite") }}
        {%- endfor -%}
    {%- endfor -%}
    {{ adapter.dispatch('pit')(
        hub, hash_key, specified, as_of, as_of_column, ghost_record, load_datetime,
        load_order or _default_load_order()
    ) }}
{%- endmacro %}

{% macro default__pit(
    hub, hash_key, satellites, as_of, as_of_column, ghost_record, load_datetime, load_order
) %}
{%- set names = [hash_key] %}
with hub_keys as (
    select {{ hash_key }}
    from {{ hub }}
),
{% for satellite in satellites %}
{%- set key = satellite.get('parent_key', hash_key) %}
{%- set time = satellite.get('effective_from') or load_datetime %}
{{ satellite['name'] }}_versions as (
    {{ _last_of_each_time(
        satellite['relation'], key, time, satellite.get('load_order') or load_order,
        satellite.get('where')) }}
),

{{ satellite['name'] }}_stretches as (
    select
        *,
        lead({{ time }}) over (partition by {{ key }} order by {{ time }}) as next_version_from
    from {{ satellite['name'] }}_versions
),
{% endfor %}
moments_of_change as (
    select
        {{ hash_key }},
        {{ _first_moment() }} as valid_from
    from hub_keys
    {%- for satellite in satellites %}
    union all
    select
        {{ satellite.get('parent_key', hash_key) }} as {{ hash_key }},
        {{ satellite.get('effective_from') or load_datetime }} as valid_from
    from {{ satellite['name'] }}_versions
    {%- endfor %}
),

distinct_moments as (
    select distinct
        {{ hash_key }},
        valid_from
    from moments_of_change
),

key_stretches as (
    select
        distinct_moments.{{ hash_key }},
        distinct_moments.valid_from,
        coalesce(
            lead(distinct_moments.valid_from) over (
                partition by distinct_moments.{{ hash_key }} order by distinct_moments.valid_from
            ),
            {{ _last_moment() }}
        ) as valid_to
    from distinct_moments
    inner join hub_keys
        on distinct_moments.{{ hash_key }} = hub_keys.{{ hash_key }}
),

point_in_time as (
    select
        key_stretches.{{ hash_key }},
        {%- for satellite in satellites %}
        {%- set stretches = satellite['name'] ~ '_stretches' %}
        {%- set key = stretches ~ '.' ~ satellite.get('parent_key', hash_key) %}
        {%- set effective_from = satellite.get('effective_from') %}
        {%- set time = stretches ~ '.' ~ (effective_from or load_datetime) %}
        {%- if ghost_record %}
        {%- do names.append(satellite['name'] ~ '_hk') %}
        coalesce({{ key }}, {{ hash_zero() }}) as {{ names[-1] }},
        {%- endif %}
        {%- if satellite.get('hashdiff') %}
        {%- do names.append(satellite['name'] ~ '_hashdiff') %}
        {%- set hashdiff = stretches ~ '.' ~ satellite['hashdiff'] %}
        {{ 'coalesce(' ~ hashdiff ~ ', ' ~ hash_zero() ~ ')' if ghost_record else hashdiff }}
            as {{ names[-1] }},
        {%- endif %}
        {%- for name, column in _named_columns(satellite.get('columns')) %}
        {%- do names.append(name) %}
        {{ stretches }}.{{ column }}{{ ' as ' ~ name if name != column }},
        {%- endfor %}
        {%- do names.append(satellite['name'] ~ '_' ~ (effective_from or load_datetime)) %}
        {%- if ghost_record and not effective_from %}
        coalesce({{ time }}, cast('1970-01-01 00:00:00' as timestamp)) as {{ names[-1] }},
        {%- else %}
        {{ time }} as {{ names[-1] }},
        {%- endif %}
        {%- endfor %}
        key_stretches.valid_from,
        key_stretches.valid_to
    from key_stretches
    {%- for satellite in satellites %}
    {%- set stretches = satellite['name'] ~ '_stretches' %}
    {%- set time = stretches ~ '.' ~ (satellite.get('effective_from') or load_datetime) %}
    left join {{ stretches }}
        on
            key_stretches.{{ hash_key }} = {{ stretches }}.{{ satellite.get('parent_key', hash_key) }}
            and key_stretches.valid_from >= {{ time }}
            and key_stretches.valid_from < coalesce(
                {{ stretches }}.next_version_from, {{ _last_moment() }}
            )
    {%- endfor %}
)

{{ _as_of_each_moment('point_in_time', names, as_of, as_of_column) }}
{% endmacro %}
