{#
    The sketches of a month's days as one, as fct_reach_sketches_monthly has them: the reached ids of
    each value of an audience with the smallest hashes.
#}
{%- set effects = verdict_effects(clicks=false) %}
{%- for effect in effects %}
    {%- do effect.update({'widen_to': 'month'}) %}
{%- endfor %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'month_start_date', 'data_type': 'date'},
    cluster_by=['breakdown'],
    meta={'date_effects': effects + [
        {'input': 'exchange.bid_requests', 'widen_to': 'month'},
    ]}
) }}

with daily as (
    select
        {{ date_start('event_date', 'month') }} as month_start_date,
        breakdown,
        country_code,
        region,
        age_band,
        gender,
        device_type,
        sketch_value
    from {{ ref('fct_penetration_sketches') }}
    where {{ affected_dates('event_date') }}
),

sketches as (
    {{ sketch(
        'daily',
        [
            'month_start_date', 'breakdown', 'country_code', 'region', 'age_band', 'gender',
            'device_type',
        ],
        size=var('reach_sketch_size')
    ) }}
),

keyed as (
    select
        {{ hash_to_text(hashdiff([
            'month_start_date:date', 'breakdown', 'country_code', 'region', 'age_band', 'gender',
            'device_type', 'sketch_value:integer',
        ])) }} as penetration_sketch_key,
        month_start_date,
        breakdown,
        country_code,
        region,
        age_band,
        gender,
        device_type,
        sketch_value
    from sketches
)

select * from keyed
