{#
    The rows that an increment has added to a table of the vault, by their pin: `load_pin > 2`; `false`
    in a rebuild and without a pin, which add nothing to rows that were there before.
#}
{% macro new_in_increment(column='load_pin') %}
    {%- set window = _window() -%}
    {%- if not window or window['previous_pin'] is none -%}
        {{ return('false') }}
    {%- endif -%}
    {{ return(column ~ ' > ' ~ window['previous_pin']) }}
{% endmacro %}
