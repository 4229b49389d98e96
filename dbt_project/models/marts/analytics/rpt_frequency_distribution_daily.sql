{# How many ids saw 1, 2, ... 9, 10 and more net impressions on a date. #}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects(clicks=false, dimensions=['line_items', 'campaigns', 'placements'])}
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
