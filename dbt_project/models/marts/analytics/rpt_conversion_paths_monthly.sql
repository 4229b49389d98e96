{#
    Paths to conversion as marketers read them: channels in order, repetitions left out (two display
    touches in a row are one step), for the conversions that something led to.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'month_start_date', 'data_type': 'date'},
    meta={'date_effects': attribution_effects(widen_to='month')}
) }}

with touches as (
    select
        conversion_key,
        event_date,
        conversion_value_micros,
        currency_code,
        touch_number,
        touch_count,
        age_hours,
        channel,
        lag(channel) over (
            partition by conversion_key, event_date order by touch_number
        ) as previous_channel
    from {{ ref('fct_attribution_touches') }}
    where {{ affected_dates('event_date') }}
),

paths as (
    select
        conversion_key,
        {{ date_start('event_date', 'month') }} as month_start_date,
        currency_code,
        max(conversion_value_micros) as value_micros,
        max(touch_count) as touch_count,
        max(case when touch_number = 1 then age_hours end) as hours_to_convert,
        {{ list_to_text(
            list_of(
                'case when touch_number = 1 or channel <> previous_channel then channel end',
                'touch_number'
            ),
            ' > '
        ) }} as path
    from touches
    group by conversion_key, event_date, currency_code
),

sums as (
    select
        month_start_date,
        path,
        currency_code,
        count(*) as conversion_count,
        sum(value_micros) as value_micros,
        cast(sum(touch_count) as bigint) as touch_count,
        cast(sum(hours_to_convert) as bigint) as hours_to_convert_sum
    from paths
    group by month_start_date, path, currency_code
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'sums.month_start_date:date', 'sums.path', 'sums.currency_code'
        ])) }} as conversion_path_key,
        sums.month_start_date,
        sums.path,
        {{ list_length(split_text('sums.path', ' > ')) }} as step_count,
        sums.currency_code,
        sums.conversion_count,
        {{ micros_to_amount('sums.value_micros') }} as conversion_value_amount,
        sums.touch_count,
        sums.hours_to_convert_sum,
        {{ rate('sums.hours_to_convert_sum', 'sums.conversion_count') }} as hours_to_convert_rate
    from sums
)

select * from report
