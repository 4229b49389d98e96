-- On the dates that this build touches, an event link has exactly the rows that all builds together
-- counted as the first of their key.
with vault as (
    {%- for event in event_deliveries() %}
    select
        '{{ event['input'] }}' as source_table,
        '{{ event['key'] }}' as event_type,
        event_date,
        count(*) as event_count
    from {{ ref(event['link']) }}
    where {{ touched_dates(event['input']) }}
    group by event_date
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

delivered as (
    select
        source_table,
        event_type,
        event_date,
        sum(distinct_count + foreign_id_conflict_count) as event_count
    from {{ ref('bv_deliveries') }}
    where
        1 = 0
        {%- for input in event_deliveries() | map(attribute='input') | unique %}
        or (source_table = '{{ input }}' and {{ touched_dates(input) }})
        {%- endfor %}
    group by source_table, event_type, event_date
)

select
    coalesce(vault.source_table, delivered.source_table) as source_table,
    coalesce(vault.event_type, delivered.event_type) as event_type,
    coalesce(vault.event_date, delivered.event_date) as event_date,
    vault.event_count as vault_events,
    delivered.event_count as delivered_events
from vault
full outer join delivered
    on
        vault.source_table = delivered.source_table
        and vault.event_type = delivered.event_type
        and vault.event_date = delivered.event_date
where coalesce(vault.event_count, 0) <> coalesce(delivered.event_count, 0)
