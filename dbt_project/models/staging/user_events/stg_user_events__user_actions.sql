{# Who acted is known by pseudonym alone: the id as sent stays in the raw table. #}
with landed as (
    select
        landed_rows.*,
        nullif({{ trim_space('landed_rows._event_id') }}, '') as event_id
    from {{ landed('user_events', 'events', source_rank=5, position='kafka') }} as landed_rows
),

user_actions as (
    select
        {# Without an id of its own, a record is known by where it lies in its topic. #}
        coalesce(
            landed.event_id,
            concat(landed.position_major, '/', cast(landed.position_minor as string))
        ) as user_action_id,
        landed.event_id is not null as has_event_id,
        cast(landed.event_datetime as timestamp) as event_at,
        landed.event_date,
        landed.event_name,
        landed.user_pseudonym,
        landed.platform,
        landed.product_name,
        landed.SKU as sku,
        landed.load_pin,
        landed.source_rank,
        landed.ingest_seq,
        landed.position_major,
        landed.position_minor,
        landed.load_datetime
    from landed
),

staged as (
    {{ stage(
        source='user_actions',
        record_source="'user_events.events'",
        hash_keys={
            'user_action_hk': ['has_event_id:boolean', 'user_action_id'],
            'user_hk': ['user_pseudonym'],
            'product_hk': ['sku'],
        },
        hashdiffs={'product_hashdiff': ['product_name']}
    ) }}
)

select * from staged
