{#
    Deliveries whose key was loaded before with another time; the first loaded wins, in whichever source
    it came:
    - in the same source, whatever the distance in time; the event link does not hold the delivery;
    - in another source that reports the same events, where the two lie more than a day apart. Its own
      event link holds the delivery, because its source did say it; the business vault leaves it out.
      (Within a day they are one event, and the stream's fields win, whichever came first.)

    Since the newcomer loses, only the dates of the new rows change. An earlier delivery is looked for
    `id_conflict_lookback_days` around them; further away, `assert_event_keys_are_unique` finds it
    once a day. Insert-only: a delivery that is listed on those dates already is not listed again.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'}
) }}

{%- set inputs = event_deliveries() | map(attribute='input') | unique | list %}

with conflicts as (
    {%- for event in event_deliveries() %}
    {%- set key = event['key'] ~ '_hk' %}
    select
        '{{ event['input'] }}' as source_table,
        '{{ event['key'] }}' as event_type,
        deliveries.{{ event['id'] }} as event_id,
        deliveries.{{ key }} as event_hk,
        deliveries.event_date,
        deliveries.event_at,
        '{{ event['input'] }}' as first_source_table,
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
            deliveries.{{ key }} = stored.{{ key }}
            and deliveries.event_at <> stored.event_at
            and {{ conflict_dates(event['input'], 'stored.event_date') }}
    {%- if event.get('other_link') %}
    union all
    select
        '{{ event['input'] }}' as source_table,
        '{{ event['key'] }}' as event_type,
        stored.{{ event['id'] }} as event_id,
        stored.{{ key }} as event_hk,
        stored.event_date,
        stored.event_at,
        '{{ event['other_input'] }}' as first_source_table,
        others.event_date as first_event_date,
        others.event_at as first_event_at,
        stored.load_datetime,
        stored.load_pin,
        stored.source_rank,
        stored.ingest_seq,
        stored.position_major,
        stored.position_minor
    from {{ ref(event['staging']) }} as deliveries
    inner join {{ ref(event['link']) }} as stored
        on
            deliveries.{{ key }} = stored.{{ key }}
            and deliveries.ingest_seq = stored.ingest_seq
            and deliveries.position_major = stored.position_major
            and deliveries.position_minor = stored.position_minor
            and {{ touched_dates(event['input'], 'stored.event_date') }}
    inner join {{ ref(event['other_link']) }} as others
        on
            deliveries.{{ key }} = others.{{ key }}
            and {{ conflict_dates(event['input'], 'others.event_date') }}
            and (
                others.event_date < {{ add_days('stored.event_date', -1) }}
                or others.event_date > {{ add_days('stored.event_date', 1) }}
            )
            and (
                others.load_pin < stored.load_pin
                or (others.load_pin = stored.load_pin and others.source_rank < stored.source_rank)
            )
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

new_conflicts as (
    {{ unlisted_deliveries('conflicts', inputs) }}
)

select * from new_conflicts
