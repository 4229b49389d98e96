{#
    The new rows of a raw table with their load order, as a subquery for a FROM clause:

        select ... from {{ landed('ad_events', 'events', source_rank=1) }} as landed

    Adds `load_pin, source_rank, ingest_seq, position_major, position_minor` (the load order, see
    docs/decisions/adr-0001) and `load_datetime`. `position` is `kafka` or `file`: which lineage
    columns the raw table has. `columns`: what else to read; all columns by default.

    Pins are expanded to one row per `_ingest_seq`, so that the join is an equality on every engine.
    A row that no logged pin covers (a build without a pin) comes after all pinned rows.
#}
{% macro landed(source_name, table_name, source_rank, position='file', columns=['*']) %}
    {%- if position not in ('kafka', 'file') -%}
        {{ _argument_error("landed: position is 'kafka' or 'file', not '" ~ position ~ "'") }}
    {%- endif -%}
    (
        select
            {%- for column in columns %}
            {{ 'raw_rows.' ~ column }},
            {%- endfor %}
            cast(coalesce(pinned.pin, 2147483647) as bigint) as load_pin,
            cast({{ source_rank }} as bigint) as source_rank,
            raw_rows._ingest_seq as ingest_seq,
            {%- if position == 'kafka' %}
            raw_rows._kafka_topic_id || '/' || cast(raw_rows._kafka_partition as string)
                as position_major,
            raw_rows._kafka_offset as position_minor,
            {%- else %}
            raw_rows._source_file as position_major,
            raw_rows._source_line as position_minor,
            {%- endif %}
            cast(raw_rows._loaded_at as timestamp) as load_datetime
        from {{ source('raw_' ~ source_name, table_name) }} as raw_rows
        left join (
            select
                logged.pin,
                covered_seq
            from {{ source('ops', 'pins') }} as logged
            cross join {{ integer_series('logged.from_seq + 1', 'logged.to_seq', 'covered_seq') }}
            where
                logged.source = '{{ source_name }}'
                and logged.table_name = '{{ table_name }}'
                and {{ _pins_of_window(source_name, table_name) }}
        ) as pinned
            on raw_rows._ingest_seq = pinned.covered_seq
        where {{ window_predicate(source_name, table_name, 'raw_rows._ingest_seq') }}
    )
{%- endmacro %}


{# Only the pins that overlap the window are expanded. #}
{% macro _pins_of_window(source_name, table_name) %}
    {%- if not _window() -%}
        {{ return('true') }}
    {%- endif -%}
    {%- set window = _window_of(source_name ~ '.' ~ table_name) -%}
    {{ return('logged.from_seq < ' ~ window['to_seq'] ~ ' and logged.to_seq > ' ~ window['from_seq']) }}
{% endmacro %}
