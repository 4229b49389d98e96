{#
    Of each date and value the ids with the smallest hashes, at most `reach_sketch_size`: what reach over
    any dates is estimated from, at a price that does not grow with the ids (see the macro sketch).
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    cluster_by=['breakdown', 'breakdown_value'],
    meta={'date_effects': verdict_effects(clicks=false, dimensions=['line_items', 'campaigns', 'placements'])}
) }}

with frequencies as (
    select * from {{ ref('fct_user_frequency_daily') }}
    where
        {{ affected_dates('event_date') }}
        and breakdown in (
            'total', 'advertiser', 'campaign', 'line_item', 'channel', 'country', 'device_type'
        )
),

sketches as (
    {{ sketch(
        'frequencies', ['event_date', 'breakdown', 'breakdown_value'], sketch_value('user_key'),
        size=var('reach_sketch_size')
    ) }}
),

keyed as (
    select
        {{ hash_to_text(hashdiff([
            'event_date:date', 'breakdown', 'breakdown_value', 'sketch_value:integer',
        ])) }} as reach_sketch_key,
        event_date,
        breakdown,
        breakdown_value,
        sketch_value
    from sketches
)

select * from keyed
