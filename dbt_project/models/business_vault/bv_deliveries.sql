{#
    What became of every delivery of an event: the first of its key is in the vault (distinct); another
    one with the same time is a duplicate, with another time an id conflict. A foreign id conflict is
    the first of its key in its own source, but another source had loaded the key before, with a time
    more than a day away. Counted once, in the build that loads them, from this build's window alone;
    where the first delivery lies on another date, it is bv_id_conflicts that has looked for it.
#}
{{ config(
    materialized='incremental',
    incremental_strategy='merge',
    unique_key=['source_table', 'event_type', 'load_pin', 'event_date']
) }}

with conflicts as (
    select * from {{ ref('bv_id_conflicts') }}
    where {{ touched_dates(event_deliveries() | map(attribute='input') | unique | list) }}
),

compared as (
    {%- for event in event_deliveries() %}
    select
        '{{ event['input'] }}' as source_table,
        '{{ event['key'] }}' as event_type,
        deliveries.load_pin,
        deliveries.event_date,
        case
            when
                deliveries.ingest_seq = stored.ingest_seq
                and deliveries.position_major = stored.position_major
                and deliveries.position_minor = stored.position_minor
                then case
                    when conflicts.event_hk is not null then 'foreign_id_conflict'
                    else 'distinct'
                end
            when deliveries.event_at = stored.event_at then 'duplicate'
            when
                stored.{{ event['key'] }}_hk is not null
                or conflicts.event_hk is not null then 'id_conflict'
            else 'rejected'
        end as delivery_class
    from {{ ref(event['staging']) }} as deliveries
    left join {{ ref(event['link']) }} as stored
        on
            deliveries.{{ event['key'] }}_hk = stored.{{ event['key'] }}_hk
            and deliveries.event_date = stored.event_date
            and {{ touched_dates(event['input'], 'stored.event_date') }}
    left join conflicts
        on
            deliveries.{{ event['key'] }}_hk = conflicts.event_hk
            and deliveries.ingest_seq = conflicts.ingest_seq
            and deliveries.position_major = conflicts.position_major
            and deliveries.position_minor = conflicts.position_minor
            and conflicts.source_table = '{{ event['input'] }}'
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

counted as (
    select
        source_table,
        event_type,
        load_pin,
        event_date,
        {%- for class in [
            'distinct', 'duplicate', 'id_conflict', 'foreign_id_conflict', 'rejected'
        ] %}
        cast(sum(case when delivery_class = '{{ class }}' then 1 else 0 end) as bigint)
            as {{ class }}_count,
        {%- endfor %}
        cast(count(*) as bigint) as delivery_count
    from compared
    group by source_table, event_type, load_pin, event_date
)

select * from counted
