{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    cluster_by=['line_item_key', 'placement_key'],
    meta={'date_effects': verdict_effects()}
) }}

with clicks as (
    select * from {{ ref('bv_clicks') }}
    where {{ affected_dates('event_date') }}
),

classes as (
    select
        click_hk,
        event_date,
        click_class,
        primary_reason_code
    from {{ ref('bv_click_classes') }}
    where {{ affected_dates('event_date') }}
),

facts as (
    select
        {{ hash_to_text('clicks.click_hk') }} as click_key,
        clicks.click_id,
        clicks.event_at,
        clicks.event_date,
        cast(extract(hour from clicks.event_at) as bigint) as event_hour,
        classes.click_class,
        case
            when classes.click_class = 'invalid' then classes.primary_reason_code
        end as invalid_reason_code,
        case
            when clicks.impression_at is not null
                then {{ hash_to_text('clicks.impression_hk') }}
        end as impression_key,
        clicks.impression_at,
        {{ hash_to_text('clicks.line_item_hk') }} as line_item_key,
        {{ hash_to_text('clicks.creative_hk') }} as creative_key,
        {{ hash_to_text('clicks.placement_hk') }} as placement_key,
        {{ hash_to_text('clicks.user_hk') }} as user_key,
        clicks.channel,
        clicks.country_code,
        clicks.region,
        clicks.latitude,
        clicks.longitude,
        clicks.device_type,
        clicks.ad_format,
        clicks.exchange,
        clicks.experiment_arm
    from clicks
    inner join classes
        on
            clicks.click_hk = classes.click_hk
            and clicks.event_date = classes.event_date
)

select * from facts
