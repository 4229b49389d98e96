{#
    Exact. What an id is like is what the bid requests of the date say, in both figures: an id counts as
    reached in each value that a request of that date gave it, if it saw a net impression on that date.
    So the reached are a part of the audience, and no rate is above 1; who was reached without any
    request of the date (a direct buy) is in neither.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects(clicks=false) + [
        {'input': 'exchange.bid_requests'},
    ]}
) }}

with requests as (
    {{ audience_requests(ref('bv_auction_imps'), ref('fct_user_frequency_daily')) }}
),

members as (
    {{ audience_breakdowns('requests', ['event_date', 'user_key', 'reached_user_key']) }}
),

counts as (
    select
        event_date,
        breakdown,
        country_code,
        region,
        age_band,
        gender,
        device_type,
        count(distinct user_key) as addressable_count,
        count(distinct reached_user_key) as reach_count
    from members
    group by event_date, breakdown, country_code, region, age_band, gender, device_type
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'event_date:date', 'breakdown', 'country_code', 'region', 'age_band', 'gender',
            'device_type',
        ])) }} as market_penetration_key,
        event_date,
        breakdown,
        country_code,
        region,
        age_band,
        gender,
        device_type,
        addressable_count,
        reach_count,
        {{ rate('reach_count', 'addressable_count') }} as penetration_rate
    from counts
)

select * from report
