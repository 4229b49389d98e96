{#
    Of each date and value of an audience the reached ids with the smallest hashes, at most
    `reach_sketch_size`: what penetration over any dates is estimated from. Who counts as reached in
    which value: see rpt_market_penetration_daily.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    cluster_by=['breakdown'],
    meta={'date_effects': verdict_effects(clicks=false) + [
        {'input': 'exchange.bid_requests'},
    ]}
) }}

with requests as (
    {{ audience_requests(
        ref('bv_auction_imps'), ref('fct_user_frequency_daily'), reached_only=true
    ) }}
),

members as (
    {{ audience_breakdowns('requests', ['event_date', 'user_key']) }}
),

sketches as (
    {{ sketch(
        'members',
        ['event_date', 'breakdown', 'country_code', 'region', 'age_band', 'gender', 'device_type'],
        sketch_value('user_key'),
        size=var('reach_sketch_size')
    ) }}
),

keyed as (
    select
        {{ hash_to_text(hashdiff([
            'event_date:date', 'breakdown', 'country_code', 'region', 'age_band', 'gender',
            'device_type', 'sketch_value:integer',
        ])) }} as penetration_sketch_key,
        event_date,
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
