{#
    Joins the version of an entity that a point-in-time row names: the row of its satellite with that
    hashdiff and effective date; nothing before the first version.

        from {{ ref('pit_creative') }} as pits
        {{ pit_version(ref('sat_creative__campaigns'), 'creatives', 'creative', 'pits') }}

    `alias` names the joined version, `entity` the prefix of the columns, `pit` the side that has them.
#}
{% macro pit_version(satellite, alias, entity, pit) -%}
left join {{ satellite }} as {{ alias }}
        on
            {{ pit }}.{{ entity }}_hk = {{ alias }}.{{ entity }}_hk
            and {{ pit }}.{{ entity }}_hashdiff = {{ alias }}.{{ entity }}_hashdiff
            and {{ pit }}.{{ entity }}_effective_from = {{ alias }}.effective_from
{%- endmacro %}
