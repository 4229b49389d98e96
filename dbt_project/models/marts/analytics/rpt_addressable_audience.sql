{#
    Distinct ids seen in bid requests, of all time. An audience does not add up: who was seen in two
    countries counts in both, and once in the total. A value that no request gave has no row.
#}
with members as (
    select * from {{ ref('bv_audience_members') }}
),

{%- set breakdowns = {
    'total': [],
    'country': ['country_code'],
    'region': ['country_code', 'region'],
    'age_band': ['age_band'],
    'gender': ['gender'],
    'device_type': ['device_type'],
} %}
{%- set dimensions = ['country_code', 'region', 'age_band', 'gender', 'device_type'] %}

audience as (
    {%- for breakdown, shown in breakdowns.items() %}
    select
        '{{ breakdown }}' as breakdown,
        {%- for dimension in dimensions %}
        {{ dimension if dimension in shown else 'cast(null as string)' }} as {{ dimension }},
        {%- endfor %}
        cast(count(distinct user_hk) as bigint) as user_count
    from members
    {%- for dimension in shown %}
    {{ 'where' if loop.first else 'and' }} {{ dimension }} is not null
    {%- endfor %}
    {%- if shown %}
    group by {{ shown | join(', ') }}
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from audience
