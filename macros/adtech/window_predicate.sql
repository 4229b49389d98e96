{#
    The rows of a raw table that are new in this build, as a literal predicate that prunes files:
    `_ingest_seq > 4 and _ingest_seq <= 9`; `true` without a pin; `false` when nothing is new.
#}
{% macro window_predicate(source_name, table_name, column='_ingest_seq') %}
    {%- if not _window() -%}
        {{ return('true') }}
    {%- endif -%}
    {%- set window = _window_of(source_name ~ '.' ~ table_name) -%}
    {%- if window['to_seq'] <= window['from_seq'] -%}
        {{ return('false') }}
    {%- endif -%}
    {{ return(column ~ ' > ' ~ window['from_seq'] ~ ' and ' ~ column ~ ' <= ' ~ window['to_seq']) }}
{% endmacro %}
