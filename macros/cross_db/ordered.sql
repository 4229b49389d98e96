{#
    For an ORDER BY, of a query, window or aggregate: an expression with its nulls at one end, which
    engines put where each likes, and not all let one say so everywhere.
#}
{% macro ordered(expression, direction='asc', nulls='last') -%}
    {%- if direction not in ('asc', 'desc') or nulls not in ('first', 'last') -%}
        {{ _argument_error("ordered: direction is asc or desc, nulls is first or last") }}
    {%- endif -%}
    {{ expression }} is {{ 'not ' if nulls == 'first' }}null, {{ expression }} {{ direction }}
{%- endmacro %}
