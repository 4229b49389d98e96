with devices as (
    select
        device_type,
        device_type_name,
        is_handheld,
        is_big_screen
    from {{ ref('device_types') }}
)

select * from devices
