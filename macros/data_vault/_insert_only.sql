{#
    Insert-only by key (one column, or several), the common body of hub, link, event_link and
    record_tracking_satellite: the first row of each key in load order, unless the key is stored
    already. `stored_where` narrows what is looked at in the stored table; by default all of it.
#}
{% macro _insert_only(macro_name, sources, key, columns, required, load_order, stored_where, ghost) %}
{%- set keys = _column_names(key) %}
{%- set names = columns | map(attribute='0') | list %}
with incoming as (
    {{- _union_of_sources(macro_name, sources, columns, required) }}
),
{%- if is_incremental() %}

stored_keys as (
    select {{ keys | join(', ') }}
    from {{ this }} as stored
    where {{ stored_where }}
),

{#- Before the window, because most rows are known; and by a left join: DuckDB gathers and groups the
    rows of a filtered relation before it compares them by `not exists`. #}
new_rows as (
    select incoming.*
    from incoming
    left join stored_keys on {{ _same(keys, 'incoming', 'stored_keys') }}
    where stored_keys.{{ keys[0] }} is null
),
{%- endif %}

first_rows as (
    select *
    from {{ 'new_rows' if is_incremental() else 'incoming' }}
    qualify row_number() over (
        partition by {{ keys | join(', ') }}
        order by {{ load_order | join(', ') }}
    ) = 1
)

select
    {%- for name in names %}
    {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from first_rows
{%- if ghost %}
{{- _ghost_row(names, ghost, keys[0]) }}
{%- endif %}
{% endmacro %}


{# What a ghost record holds besides its key; all other columns are null. #}
{% macro _ghost_values(keys, load_datetime, record_source, values) %}
    {%- set ghost = {
        load_datetime: "cast('1970-01-01 00:00:00' as timestamp)",
        record_source: "'ghost'",
    } -%}
    {%- for key in keys -%}
        {%- do ghost.update({key: hash_zero()}) -%}
    {%- endfor -%}
    {%- do ghost.update(values or {}) -%}
    {{ return(ghost) }}
{% endmacro %}
