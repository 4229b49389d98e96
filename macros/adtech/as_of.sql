{#
    Joins the version of a dimension that held at an event's time: the latest that began by then, else
    the earliest.

        from {{ ref('fct_impressions') }} as impressions
        {{ as_of(ref('dim_line_items'), 'line_items', 'line_item_key',
                 'impressions.line_item_key', 'impressions.event_at') }}

    `alias` names the joined version, `key` its durable key column.
#}
{% macro as_of(dimension, alias, key, key_value, event_at) -%}
left join {{ dimension }} as {{ alias }}
        on
            {{ key_value }} = {{ alias }}.{{ key }}
            and {{ event_at }} >= {{ alias }}.as_of_from
            and {{ event_at }} < {{ alias }}.valid_to
{%- endmacro %}
