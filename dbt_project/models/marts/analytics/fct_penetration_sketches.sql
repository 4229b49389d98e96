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

with reached as (
    select
        event_date,
        user_key
    from {{ ref('fct_user_frequency_daily') }}
    where
        {{ affected_dates('event_date') }}
        and breakdown = 'total'
),

requests as (
    select distinct
        event_date,
        {{ hash_to_text('user_hk') }} as user_key,
        country_code,
        {{ trim_space('region') }} as region,
        {{ trim_space('age_band') }} as age_band,
        {{ trim_space('gender') }} as gender,
        device_type
    from {{ ref('bv_auction_imps') }}
    where
        {{ affected_dates('event_date') }}
        and user_hk is not null
),

told as (
    select
        requests.event_date,
        requests.user_key,
        requests.country_code,
        requests.region,
        requests.age_band,
        requests.gender,
        requests.device_type
    from requests
    inner join reached
        on
            requests.event_date = reached.event_date
            and requests.user_key = reached.user_key
),

members as (
    {{ audience_breakdowns('told', ['event_date', 'user_key']) }}
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
