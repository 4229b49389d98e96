{#
    Rows ready for the vault: derived columns, duplicates inside the batch removed, all hashes.

    source: a relation or the name of a CTE.
    hash_keys, hashdiffs: {name: columns}, columns as in `hash_key`.
    derived: {name: expression}, usable in hashes; a name that the source has already is an error of
        the engine, not a replacement.
    unique_by, order_by: keep the first row per `unique_by` in `order_by`, which must be a total order.
    load_datetime, record_source: expressions, for a source that has no such columns.
#}
{% macro stage(
    source, hash_keys={}, hashdiffs={}, derived={}, unique_by=none, order_by=none,
    load_datetime=none, record_source=none
) -%}
    {%- do _require_arguments('stage', {'source': source}) -%}
    {%- if (unique_by and not order_by) or (order_by and not unique_by) -%}
        {{ _argument_error("stage needs 'unique_by' and 'order_by' together") }}
    {%- endif -%}
    {{ adapter.dispatch('stage')(
        source, hash_keys, hashdiffs, derived, unique_by, order_by, load_datetime, record_source
    ) }}
{%- endmacro %}

{% macro default__stage(
    source, hash_keys, hashdiffs, derived, unique_by, order_by, load_datetime, record_source
) %}
with derived_columns as (
    select
        source_rows.*
        {%- for name, expression in derived.items() %},
        {{ expression }} as {{ name }}
        {%- endfor %}
        {%- if load_datetime %},
        {{ load_datetime }} as load_datetime
        {%- endif %}
        {%- if record_source %},
        {{ record_source }} as record_source
        {%- endif %}
    from {{ source }} as source_rows
),

unique_rows as (
    select *
    from derived_columns
    {%- if unique_by %}
    qualify row_number() over (
        partition by {{ unique_by if unique_by is string else unique_by | join(', ') }}
        order by {{ order_by if order_by is string else order_by | join(', ') }}
    ) = 1
    {%- endif %}
)

select
    unique_rows.*
    {%- for name, columns in hash_keys.items() %},
    {{ hash_key(columns) }} as {{ name }}
    {%- endfor %}
    {%- for name, columns in hashdiffs.items() %},
    {{ hashdiff(columns) }} as {{ name }}
    {%- endfor %}
from unique_rows
{% endmacro %}
