{# An aggregate: the values that are not null, as a list in the given order; null where there is none. #}
{% macro list_of(expression, order_by) -%}
    {{ return(adapter.dispatch('list_of')(expression, order_by)) }}
{%- endmacro %}

{% macro duckdb__list_of(expression, order_by) -%}
    array_agg({{ expression }} order by {{ order_by }}) filter (where {{ expression }} is not null)
{%- endmacro %}

{% macro bigquery__list_of(expression, order_by) -%}
    array_agg({{ expression }} ignore nulls order by {{ order_by }})
{%- endmacro %}
