{#
    Which reasons make traffic invalid, and where it came from. Each invalid event stands once under
    its primary reason, so that those columns add up to the invalid traffic of the day; the columns of
    any reason count it under each that holds, and add up to nothing.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects(dimensions=['line_items', 'placements'])}
) }}

with reasons as (
    select
        {{ hash_to_text('event_hk') }} as event_key,
        event_type,
        event_date,
        reason_code
    from {{ ref('bv_invalid_traffic') }}
    where {{ affected_dates('event_date') }}
    union all
    select
        {{ hash_to_text('click_hk') }} as event_key,
        'click' as event_type,
        event_date,
        'invalid_impression' as reason_code
    from {{ ref('bv_click_classes') }}
    where
        {{ affected_dates('event_date') }}
        and is_invalid_by_impression
),

invalid_events as (
    select
        impression_key as event_key,
        'impression' as event_type,
        event_at,
        event_date,
        invalid_reason_code,
        exchange,
        placement_key,
        line_item_key,
        1 as impression_count,
        0 as click_count
    from {{ ref('fct_impressions') }}
    where
        {{ affected_dates('event_date') }}
        and is_invalid
    union all
    select
        click_key as event_key,
        'click' as event_type,
        event_at,
        event_date,
        invalid_reason_code,
        exchange,
        placement_key,
        line_item_key,
        0 as impression_count,
        1 as click_count
    from {{ ref('fct_clicks') }}
    where
        {{ affected_dates('event_date') }}
        and click_class = 'invalid'
),

events_with_reasons as (
    select
        invalid_events.event_date,
        reasons.reason_code,
        invalid_events.exchange,
        placements.site_key,
        line_items.campaign_key,
        reasons.reason_code = invalid_events.invalid_reason_code as is_primary,
        invalid_events.impression_count,
        invalid_events.click_count
    from invalid_events
    inner join reasons
        on
            invalid_events.event_key = reasons.event_key
            and invalid_events.event_type = reasons.event_type
            and invalid_events.event_date = reasons.event_date
    {{ as_of(ref('dim_line_items'), 'line_items', 'line_item_key',
             'invalid_events.line_item_key', 'invalid_events.event_at') }}
    {{ as_of(ref('dim_placements'), 'placements', 'placement_key',
             'invalid_events.placement_key', 'invalid_events.event_at') }}
),

sums as (
    select
        event_date,
        reason_code,
        exchange,
        site_key,
        campaign_key,
        cast(sum(case when is_primary then impression_count else 0 end) as bigint)
            as impression_count,
        cast(sum(case when is_primary then click_count else 0 end) as bigint) as click_count,
        cast(sum(impression_count) as bigint) as any_reason_impression_count,
        cast(sum(click_count) as bigint) as any_reason_click_count
    from events_with_reasons
    group by event_date, reason_code, exchange, site_key, campaign_key
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'sums.event_date:date', 'sums.reason_code', 'sums.exchange', 'sums.site_key',
            'sums.campaign_key',
        ])) }} as invalid_traffic_key,
        sums.event_date,
        sums.reason_code,
        reasons_by_code.invalid_traffic_type,
        sums.exchange,
        sums.site_key,
        sites.site_id,
        sums.campaign_key,
        campaigns.campaign_id,
        sums.impression_count,
        sums.click_count,
        sums.any_reason_impression_count,
        sums.any_reason_click_count
    from sums
    left join {{ ref('dim_invalid_traffic_reasons') }} as reasons_by_code
        on sums.reason_code = reasons_by_code.reason_code
    left join {{ ref('dim_sites') }} as sites
        on sums.site_key = sites.site_key and sites.is_current
    left join {{ ref('dim_campaigns') }} as campaigns
        on sums.campaign_key = campaigns.campaign_key and campaigns.is_current
)

select * from report
