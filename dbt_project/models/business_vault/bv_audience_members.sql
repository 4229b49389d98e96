{#
    Who belongs to which audience: each id that the exchanges offered us, once per value of a breakdown
    that a request gave. Insert-only by key, as a link is: a request that counts stays one that counts.
    `load_pin` and `event_date` say which requests brought the id in, so that an increment counts the
    new members by their partitions, and nobody counts people again.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'}
) }}

with auction_imps as (
    select
        user_hk,
        country_code,
        {{ trim_space('region') }} as region,
        {{ trim_space('age_band') }} as age_band,
        {{ trim_space('gender') }} as gender,
        device_type,
        load_pin,
        event_date
    from {{ ref('bv_auction_imps') }}
    where
        {{ touched_dates('exchange.bid_requests') }}
        and user_hk is not null
),

broken_down as (
    {{ audience_breakdowns('auction_imps', ['user_hk', 'load_pin', 'event_date']) }}
),

valued as (
    select
        breakdown,
        user_hk,
        country_code,
        region,
        age_band,
        gender,
        device_type,
        load_pin,
        min(event_date) as event_date
    from broken_down
    group by
        breakdown,
        user_hk,
        country_code,
        region,
        age_band,
        gender,
        device_type,
        load_pin
),

identified as (
    select
        {{ hashdiff([
            'valued.breakdown', {'column': hash_to_text('valued.user_hk')},
            'valued.country_code', 'valued.region', 'valued.age_band', 'valued.gender',
            'valued.device_type',
        ]) }} as audience_member_hk,
        valued.breakdown,
        valued.user_hk,
        valued.country_code,
        valued.region,
        valued.age_band,
        valued.gender,
        valued.device_type,
        valued.load_pin,
        valued.event_date
    from valued
),

members as (
    select *
    from identified
    {%- if is_incremental() %}
    where
        not exists (
            select 1
            from {{ this }} as stored
            where stored.audience_member_hk = identified.audience_member_hk
        )
    {%- endif %}
    qualify row_number() over (
        partition by audience_member_hk
        order by load_pin
    ) = 1
)

select * from members
