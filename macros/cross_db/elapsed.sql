{#
    Whole seconds, minutes, hours or days (of 24 hours) that passed from one timestamp to another,
    towards zero; not the boundaries between them, which dbt's datediff counts.
#}
{% macro elapsed(start, finish, unit) -%}
    {%- set micros = {'second': 1000000, 'minute': 60000000, 'hour': 3600000000, 'day': 86400000000} -%}
    {%- if unit not in micros -%}
        {{ _argument_error("elapsed: unit is second, minute, hour or day, not '" ~ unit ~ "'") }}
    {%- endif -%}
    {{ divide_truncated(micros_between(start, finish), micros[unit]) }}
{%- endmacro %}
