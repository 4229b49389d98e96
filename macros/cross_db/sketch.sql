{#
    Distinct-count sketches (bottom-k, KMV) as rows: of each group the `size` smallest distinct values.
    From events, and from sketches themselves, which merges them: a sketch of sketches is the sketch
    of all they were made of. Gives the columns of `group_by` and `sketch_value`.

        daily as ({{ sketch('impressions', ['campaign_key', 'event_date'], sketch_value('user_hk')) }}),
        whole as ({{ sketch('daily', ['campaign_key']) }}),
        reach as (
            select campaign_key, {{ sketch_estimate() }} as reach_count from whole group by campaign_key
        )

    Nulls are no things. Merge only sketches of the same `size` or larger ones.
#}
{% macro sketch(source, group_by, value='sketch_value', size=1024) -%}
    {%- set groups = group_by | join(', ') -%}
    select
        {%- for column in group_by %}
        {{ column }},
        {%- endfor %}
        sketch_value
    from (
        select distinct
            {%- for column in group_by %}
            {{ column }},
            {%- endfor %}
            {{ value }} as sketch_value
        from {{ source }}
    ) as seen
    where sketch_value is not null
    qualify row_number() over (
        {%- if group_by %}
        partition by {{ groups }}
        {%- endif %}
        order by sketch_value
    ) <= {{ size }}
{%- endmacro %}
