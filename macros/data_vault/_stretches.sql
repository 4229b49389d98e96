{# The times between which everything lies that pit and bridge tell. #}
{% macro _first_moment() -%}
    cast('1900-01-01 00:00:00' as timestamp)
{%- endmacro %}

{% macro _last_moment() -%}
    cast('9999-12-31 00:00:00' as timestamp)
{%- endmacro %}


{# The last row in load order of each key and time. #}
{% macro _last_of_each_time(relation, key, time, load_order, where=none) -%}
    select *
    from {{ relation }}
    where
        {{ time }} is not null
        {%- if where %}
        and ({{ where }})
        {%- endif %}
    qualify row_number() over (
        partition by {{ key }}, {{ time }}
        order by {{ load_order | join(' desc, ') }} desc
    ) = 1
{%- endmacro %}


{#
    The last select of pit and bridge: the stretches themselves, or those that hold at each moment of
    `as_of`.
#}
{% macro _as_of_each_moment(stretches, names, as_of, as_of_column) -%}
select
    {%- if as_of %}
    moments.{{ as_of_column }},
    {%- endif %}
    {%- for name in names %}
    {{ stretches }}.{{ name }}{{ ',' if not as_of or not loop.last }}
    {%- endfor %}
    {%- if not as_of %}
    {{ stretches }}.valid_from,
    {{ stretches }}.valid_to
    {%- endif %}
from {{ stretches }}
{%- if as_of %}
inner join {{ as_of }} as moments
    on
        cast(moments.{{ as_of_column }} as timestamp) >= {{ stretches }}.valid_from
        and cast(moments.{{ as_of_column }} as timestamp) < {{ stretches }}.valid_to
{%- endif %}
{%- endmacro %}
