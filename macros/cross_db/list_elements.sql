{#
    For a CROSS JOIN: one row per element of a list, as `alias.element`, with its place in the list
    (from 0) as `alias.place`; no row for an empty or missing list. The members of a struct are then
    `alias.element.member`.
#}
{% macro list_elements(list, alias) -%}
    {{ return(adapter.dispatch('list_elements')(list, alias)) }}
{%- endmacro %}

{% macro duckdb__list_elements(list, alias) -%}
    (
        select
            unnest({{ list }}) as element,
            generate_subscripts({{ list }}, 1) - 1 as place
    ) as {{ alias }}
{%- endmacro %}

{% macro bigquery__list_elements(list, alias) -%}
    unnest(array(
        select as struct
            element,
            element_offset as place
        from unnest({{ list }}) as element with offset as element_offset
    )) as {{ alias }}
{%- endmacro %}
