{#
    Rows about people once per breakdown of an audience: `breakdown` (total, country, region, age_band,
    gender, device_type) and its value in the column of its name, region together with its country. A
    row that does not give a value is none of that breakdown. `source` has country_code, region,
    age_band, gender and device_type; `columns` are kept besides.

        members as ({{ audience_breakdowns('requests', ['event_date', 'user_hk']) }})
#}
{% macro audience_breakdowns(source, columns) -%}
    {%- set kept = columns | join(', ') -%}
    select
        {{ kept }},
        breakdown,
        country_code,
        region,
        age_band,
        gender,
        device_type
    from (
        select
            {%- for column in columns %}
            people.{{ column }},
            {%- endfor %}
            breakdowns.breakdown,
            case
                when breakdowns.breakdown in ('country', 'region') then people.country_code
            end as country_code,
            case when breakdowns.breakdown = 'region' then people.region end as region,
            case when breakdowns.breakdown = 'age_band' then people.age_band end as age_band,
            case when breakdowns.breakdown = 'gender' then people.gender end as gender,
            case
                when breakdowns.breakdown = 'device_type' then people.device_type
            end as device_type
        from {{ source }} as people
        cross join (
            {%- for breakdown in [
                'total', 'country', 'region', 'age_band', 'gender', 'device_type'
            ] %}
            select '{{ breakdown }}' as breakdown
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        ) as breakdowns
    ) as broken_down
    where
        case breakdown
            when 'country' then country_code is not null
            when 'region' then country_code is not null and region is not null
            when 'age_band' then age_band is not null
            when 'gender' then gender is not null
            when 'device_type' then device_type is not null
            else true
        end
{%- endmacro %}
