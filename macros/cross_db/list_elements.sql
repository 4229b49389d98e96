{#
    For a CROSS JOIN: one row per element of a list, as column `element`, with its place in the list
    (from 0) as column `place`; no row for an empty or missing list. The members of a struct are then
    `element.member`.
#}
{% macro list_elements(list, element, place) -%}
    {{ return(adapter.dispatch('list_elements')(list, element, place)) }}
{%- endmacro %}

{% macro duckdb__list_elements(list, element, place) -%}
    (
        select
            unnest({{ list }}) as {{ element }},
            generate_subscripts({{ list }}, 1) - 1 as {{ place }}
    ) as elements_by_{{ place }}
{%- endmacro %}

{% macro bigquery__list_elements(list, element, place) -%}
    unnest({{ list }}) as {{ element }} with offset as {{ place }}
{%- endmacro %}
