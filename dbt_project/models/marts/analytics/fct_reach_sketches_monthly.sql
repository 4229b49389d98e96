{#
    The sketches of a month's days as one: what reach over long times is estimated from, at a price that
    grows by the month and not by the day. An increment merges the months that it touches anew.
#}
{%- set dimensions = ['line_items', 'campaigns', 'placements'] %}
{%- set effects = verdict_effects(clicks=false, dimensions=dimensions) %}
{%- for effect in effects %}
    {%- do effect.update({'widen_to': 'month'}) %}
{%- endfor %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'month_start_date', 'data_type': 'date'},
    cluster_by=['breakdown', 'breakdown_value'],
    meta={'date_effects': effects}
) }}

with daily as (
    select
        {{ date_start('event_date', 'month') }} as month_start_date,
        breakdown,
        breakdown_value,
        sketch_value
    from {{ ref('fct_reach_sketches') }}
    where {{ affected_dates('event_date') }}
),

sketches as (
    {{ sketch(
        'daily', ['month_start_date', 'breakdown', 'breakdown_value'], size=var('reach_sketch_size')
    ) }}
),

keyed as (
    select
        {{ hash_to_text(hashdiff([
            'month_start_date:date', 'breakdown', 'breakdown_value', 'sketch_value:integer',
        ])) }} as reach_sketch_key,
        month_start_date,
        breakdown,
        breakdown_value,
        sketch_value
    from sketches
)

select * from keyed
