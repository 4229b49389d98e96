{#
    Deliveries whose key was first loaded with another time; the first wins. Looked for in the window's
    own dates and one day either side; further away, `assert_event_keys_are_unique` finds them.
#}
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key='delivery_hk'
) }}

with conflicts as (
    {%- for event in event_deliveries() %}
    {%- set id = {'viewability': 'impression_id', 'video_event': 'impression_id'}.get(
        event['key'], event['key'] ~ '_id') %}
    select
        '{{ event['input'] }}' as source_table,
        '{{ event['key'] }}' as event_type,
        deliveries.{{ id }} as event_id,
        deliveries.{{ event['key'] }}_hk as event_hk,
        deliveries.event_date,
        deliveries.event_at,
        stored.event_date as first_event_date,
        stored.event_at as first_event_at,
        deliveries.load_datetime,
        deliveries.load_pin,
        deliveries.source_rank,
        deliveries.ingest_seq,
        deliveries.position_major,
        deliveries.position_minor
    from {{ ref(event['staging']) }} as deliveries
    inner join {{ ref(event['link']) }} as stored
        on
            deliveries.{{ event['key'] }}_hk = stored.{{ event['key'] }}_hk
            and deliveries.event_at <> stored.event_at
            and {{ touched_dates(
                event['input'], 'stored.event_date', days_before=1, days_after=1
            ) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

identified as (
    select
        {{ hash_key([
            'conflicts.source_table', 'conflicts.ingest_seq:integer', 'conflicts.position_major',
            'conflicts.position_minor:integer',
        ]) }} as delivery_hk,
        conflicts.*
    from conflicts
)

select * from identified
