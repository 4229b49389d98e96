{# How many ids saw 1, 2, ... 9, 10 and more net impressions on a date. #}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': [
        {'input': 'ad_events.events', 'days_before': 2, 'days_after': 2},
        {'input': 'adserver.impressions', 'days_before': 1, 'days_after': 1},
        {'input': 'adserver.clicks', 'days_before': 1, 'days_after': 1},
        {'input': 'campaigns.line_items', 'by': 'effective_from',
         'days_before': var('late_dimension_days')},
        {'input': 'campaigns.campaigns', 'by': 'effective_from',
         'days_before': var('late_dimension_days')},
        {'input': 'campaigns.placements', 'by': 'effective_from',
         'days_before': var('late_dimension_days')},
    ]}
) }}

with frequencies as (
    select
        event_date,
        breakdown,
        breakdown_value,
        least(net_impression_count, 10) as frequency_bucket
    from {{ ref('fct_user_frequency_daily') }}
    where
        {{ affected_dates('event_date') }}
        and breakdown in ('total', 'advertiser', 'campaign', 'line_item')
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'event_date:date', 'breakdown', 'breakdown_value', 'frequency_bucket:integer',
        ])) }} as frequency_distribution_key,
        event_date,
        breakdown,
        breakdown_value,
        frequency_bucket,
        count(*) as user_count
    from frequencies
    group by event_date, breakdown, breakdown_value, frequency_bucket
)

select * from report
