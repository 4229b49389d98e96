-- On the dates that this build touches, for every model: the credits of a conversion are a million
-- millionths, its touches share its value to the micro-unit, and what is attributed or organic is
-- all conversions and all their value.
{%- set conversions = 'adserver.conversions' %}

with credits as (
    select
        conversion_key,
        {%- for model in attribution_models() %}
        sum({{ model }}_credit) as {{ model }}_credit,
        sum({{ model }}_value_micros) as {{ model }}_value_micros,
        {%- endfor %}
        coalesce(min(conversion_value_micros), 0) as value_micros
    from {{ ref('fct_attribution_touches') }}
    where {{ touched_dates(conversions) }}
    group by conversion_key
),

unequal as (
    {%- for model in attribution_models() %}
    select
        '{{ model }}' as attribution_model,
        conversion_key as found_at
    from credits
    where {{ model }}_credit <> 1000000 or coalesce({{ model }}_value_micros, 0) <> value_micros
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

all_conversions as (
    select
        event_date,
        count(*) as conversion_count,
        coalesce(sum(conversion_value_amount), 0) as value_amount
    from {{ ref('fct_conversions') }}
    where {{ touched_dates(conversions) }}
    group by event_date
),

attributed as (
    select
        event_date,
        attribution_model,
        sum(conversion_count) as conversion_count,
        coalesce(sum(conversion_value_amount), 0) as value_amount
    from {{ ref('rpt_attribution_daily') }}
    where {{ touched_dates(conversions) }}
    group by event_date, attribution_model
),

unbalanced as (
    select
        attributed.attribution_model,
        cast(coalesce(all_conversions.event_date, attributed.event_date) as string) as found_at
    from all_conversions
    full join attributed on all_conversions.event_date = attributed.event_date
    where
        coalesce(all_conversions.conversion_count, -1) <> coalesce(attributed.conversion_count, -1)
        or coalesce(all_conversions.value_amount, -1) <> coalesce(attributed.value_amount, -1)
)

select * from unequal
union all
select * from unbalanced
