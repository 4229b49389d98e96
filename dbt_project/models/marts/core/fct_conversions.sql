{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    cluster_by=['advertiser_key'],
    meta={'date_effects': [{'input': 'adserver.conversions'}]}
) }}

with conversions as (
    select * from {{ ref('bv_conversions') }}
    where {{ affected_dates('event_date') }}
),

facts as (
    select
        {{ hash_to_text('conversions.conversion_hk') }} as conversion_key,
        conversions.conversion_id,
        conversions.event_at,
        conversions.event_date,
        cast(extract(hour from conversions.event_at) as bigint) as event_hour,
        {{ hash_to_text('conversions.advertiser_hk') }} as advertiser_key,
        conversions.advertiser_id,
        {{ hash_to_text('conversions.user_hk') }} as user_key,
        conversions.conversion_type,
        cast(conversions.conversion_value as numeric(38, 9)) as conversion_value_amount,
        conversions.currency_code,
        conversions.order_id
    from conversions
)

select * from facts
