{# The load order of this project; another one names its own in the argument `load_order`. #}
{% macro _default_load_order() %}
    {{ return(['load_pin', 'source_rank', 'ingest_seq', 'position_major', 'position_minor']) }}
{% endmacro %}
