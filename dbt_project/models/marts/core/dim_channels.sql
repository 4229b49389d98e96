with channels as (
    select
        channel,
        channel_name
    from {{ ref('channels') }}
)

select * from channels
