{#
    The versions of whatever `keys` names, the common body of satellite and multi_active_satellite:
    the versions of `_versions` out of the union of the sources.
#}
{% macro _satellite_rows(
    macro_name, sources, keys, hashdiff, payload, effective_from, load_datetime, record_source,
    load_order, ghost_record
) %}
{%- set columns = _named_columns(keys + [hashdiff]) + _named_columns(effective_from)
    + _named_columns(payload) + _named_columns([load_datetime, record_source]) %}
{%- set columns = columns + _named_columns(
    _extra_order_columns(load_order, columns | map(attribute='0') | list)) %}
{%- set names = columns | map(attribute='0') | list %}
with incoming as (
    {{- _union_of_sources(macro_name, sources, columns, keys) }}
),
{{ _versions(names, keys, hashdiff, effective_from, load_datetime, load_order, this) }}

select
    {%- for name in names %}
    {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from versions
{%- if ghost_record %}
{{- _ghost_row(
    names, _ghost_values(keys + [hashdiff], load_datetime, record_source, none), keys[0]) }}
{%- endif %}
{% endmacro %}


{# One more row, of the zero key, unless the table has it. #}
{% macro _ghost_row(names, ghost, key) %}
union all
select
    {%- for name in names %}
    {{ ghost.get(name, 'null') }} as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- if is_incremental() %}
from (select 1 as one) as ghost_record
where not exists (select 1 from {{ this }} as stored where stored.{{ key }} = {{ hash_zero() }})
{%- endif %}
{%- endmacro %}
