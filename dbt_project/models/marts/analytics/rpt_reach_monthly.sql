{#
    Exact: the ids of a calendar month are counted anew from the ids of its days, since neither reach nor
    how often an id saw something adds up over days. An increment reads the months that it touches.
#}
{%- set dimensions = ['line_items', 'campaigns', 'placements'] %}
{%- set effects = verdict_effects(clicks=false, dimensions=dimensions) %}
{%- for effect in effects %}
    {%- do effect.update({'widen_to': 'month'}) %}
{%- endfor %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'month_start_date', 'data_type': 'date'},
    meta={'date_effects': effects}
) }}

with frequencies as (
    select
        cast({{ dbt.date_trunc('month', 'event_date') }} as date) as month_start_date,
        breakdown,
        breakdown_value,
        user_key,
        cast(sum(net_impression_count) as bigint) as net_impression_count
    from {{ ref('fct_user_frequency_daily') }}
    where
        {{ affected_dates('event_date') }}
        and breakdown in ('total', 'advertiser', 'campaign', 'line_item')
    group by
        cast({{ dbt.date_trunc('month', 'event_date') }} as date),
        breakdown,
        breakdown_value,
        user_key
),

reach as (
    select
        month_start_date,
        breakdown,
        breakdown_value,
        count(*) as reach_count,
        cast(sum(net_impression_count) as bigint) as identified_net_impression_count,
        {%- for times in range(1, 10) %}
        cast(sum(case when net_impression_count = {{ times }} then 1 else 0 end) as bigint)
            as reach_{{ times }}_count,
        {%- endfor %}
        cast(sum(case when net_impression_count >= 10 then 1 else 0 end) as bigint)
            as reach_10_plus_count
    from frequencies
    group by month_start_date, breakdown, breakdown_value
),

report as (
    select
        {{ hash_to_text(hashdiff(['month_start_date:date', 'breakdown', 'breakdown_value'])) }}
            as reach_key,
        month_start_date,
        breakdown,
        breakdown_value,
        reach_count,
        identified_net_impression_count,
        {{ rate('identified_net_impression_count', 'reach_count') }} as frequency_rate,
        {%- for times in range(1, 10) %}
        reach_{{ times }}_count,
        {%- endfor %}
        reach_10_plus_count
    from reach
)

select * from report
