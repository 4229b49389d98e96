{#
    Whom the exchanges offered us, once per id and what the requests said of it. Nothing is taken away
    again, because a request that counts stays one that counts. So the audience of all time is counted
    from people, not from requests.
#}
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='audience_member_hk'
) }}

with auction_imps as (
    select distinct
        user_hk,
        country_code,
        {{ trim_space('region') }} as region,
        {{ trim_space('age_band') }} as age_band,
        {{ trim_space('gender') }} as gender,
        device_type
    from {{ ref('bv_auction_imps') }}
    where
        {{ touched_dates('exchange.bid_requests') }}
        and user_hk is not null
),

members as (
    select
        {{ hashdiff([
            {'column': hash_to_text('auction_imps.user_hk')}, 'auction_imps.country_code',
            'auction_imps.region', 'auction_imps.age_band', 'auction_imps.gender',
            'auction_imps.device_type',
        ]) }} as audience_member_hk,
        auction_imps.user_hk,
        auction_imps.country_code,
        auction_imps.region,
        auction_imps.age_band,
        auction_imps.gender,
        auction_imps.device_type
    from auction_imps
)

select * from members
