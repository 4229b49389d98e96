{#
    Distinct ids seen in bid requests, of all time. An audience does not add up: who was seen in two
    countries counts in both, and once in the total. A value that no request gave has no row.

    An increment adds those who were not counted yet: `last_load_pin` says how far the counts go, so a
    window that is taken again adds nobody twice.
#}
{%- set adds = is_incremental() and new_in_increment() != 'false' %}
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='addressable_audience_key'
) }}

with counts as (
    select
        breakdown,
        country_code,
        region,
        age_band,
        gender,
        device_type,
        count(*) as user_count,
        max(load_pin) as last_load_pin
    from {{ ref('bv_audience_members') }}
    {%- if adds %}
    where
        {{ touched_dates('exchange.bid_requests') }}
        and load_pin > (select coalesce(max(counted.last_load_pin), 0) from {{ this }} as counted)
    {%- endif %}
    group by breakdown, country_code, region, age_band, gender, device_type
    {%- if adds %}
    union all
    select
        breakdown,
        country_code,
        region,
        age_band,
        gender,
        device_type,
        user_count,
        last_load_pin
    from {{ this }}
    {%- endif %}
),

audience as (
    select
        {{ hash_to_text(hashdiff([
            'breakdown', 'country_code', 'region', 'age_band', 'gender', 'device_type',
        ])) }} as addressable_audience_key,
        breakdown,
        country_code,
        region,
        age_band,
        gender,
        device_type,
        cast(sum(user_count) as bigint) as user_count,
        max(last_load_pin) as last_load_pin
    from counts
    group by breakdown, country_code, region, age_band, gender, device_type
)

select * from audience
