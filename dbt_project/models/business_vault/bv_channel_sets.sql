{#
    Which channels led to the conversions of a month: the counts that Shapley attribution is fitted on.
    Halves as in bv_channel_transitions.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'month_start_date', 'data_type': 'date'},
    meta={'date_effects': attribution_effects(widen_to='month')}
) }}

{% set channels = attribution_channels() %}

with paths as (
    select
        {%- for channel in channels %}
        max(case when channel = '{{ channel }}' then 1 else 0 end) as has_{{ channel }},
        {%- endfor %}
        conversion_hk,
        {{ date_start('event_date', 'month') }} as month_start_date,
        mod({{ elapsed("timestamp '1970-01-01 00:00:00'", 'min(touch_at)', 'second') }}, 2) as half
    from {{ ref('bv_attribution_touches') }}
    where
        {{ affected_dates('event_date') }}
        and mod({{ sketch_value('user_hk') }}, 100) < {{ var('attribution_fit_percent') }}
    group by conversion_hk, event_date
),

sets as (
    select
        month_start_date,
        half,
        {%- for channel in channels %}
        has_{{ channel }},
        {%- endfor %}
        count(*) as conversion_count
    from paths
    group by
        {%- for channel in channels %}
        has_{{ channel }},
        {%- endfor %}
        month_start_date,
        half
)

select * from sets
