{#
    Deliveries of a known impression, with its time, whose content is another's: what was sold, who saw
    it, on which client. The first loaded holds, as for any delivery that comes again; that the id was
    used twice is a sign of fraud. A delivery with another time is an id conflict (bv_id_conflicts).

    The two are of one event date, so only the dates of the new rows change. Insert-only: a delivery
    that is listed already is not listed again.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'}
) }}

{%- set inputs = ['ad_events.events', 'adserver.impressions'] %}
{%- set content = [
    'line_item_hk', 'creative_hk', 'placement_hk', 'bid_hk', 'user_hk', 'ip_pseudonym', 'user_agent',
    'country_code', 'device_type', 'clearing_price_micros',
] %}

with conflicts as (
    {%- for input, staging, link in [
        ('ad_events.events', 'stg_ad_events__impressions', 'nhl_impression__ad_events'),
        ('adserver.impressions', 'stg_adserver__impressions', 'nhl_impression__adserver'),
    ] %}
    select
        '{{ input }}' as source_table,
        deliveries.impression_hk,
        deliveries.impression_id,
        deliveries.event_date,
        deliveries.load_datetime,
        deliveries.load_pin,
        deliveries.source_rank,
        deliveries.ingest_seq,
        deliveries.position_major,
        deliveries.position_minor
    from {{ ref(staging) }} as deliveries
    inner join {{ ref(link) }} as stored
        on
            deliveries.impression_hk = stored.impression_hk
            and deliveries.event_at = stored.event_at
            and {{ touched_dates(input, 'stored.event_date') }}
    where
        false
        {%- for column in content %}
        or deliveries.{{ column }} is distinct from stored.{{ column }}
        {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

new_conflicts as (
    {{ unlisted_deliveries('conflicts', inputs) }}
)

select * from new_conflicts
