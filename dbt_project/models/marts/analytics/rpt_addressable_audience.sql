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
{%- set null_text = 'cast(null as string)' %}

audience as (
    {%- for breakdown, shown in breakdowns.items() %}
    select
        '{{ breakdown }}' as breakdown,
        {{ 'country_code' if 'country_code' in shown else null_text }} as country_code,
        {{ 'region' if 'region' in shown else null_text }} as region,
        {{ 'age_band' if 'age_band' in shown else null_text }} as age_band,
        {{ 'gender' if 'gender' in shown else null_text }} as gender,
        {{ 'device_type' if 'device_type' in shown else null_text }} as device_type,
        cast(count(distinct user_hk) as bigint) as user_count
    from members
    where {{ (shown or ['user_hk']) | join(' is not null and ') }} is not null
    {%- if shown %}
    group by {{ shown | join(', ') }}
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from audience
