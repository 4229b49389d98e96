{#
    How often a path of a month went from one channel to the next, begin and end included: the counts
    that Markov attribution is fitted on.

    - A converting path is that of a conversion of the month, wherever its touches lie.
    - A null path is what a user id saw and clicked of an advertiser in the month, less the touches of
      the month's conversions, and less impressions with a click of the month. What converts only in a
      later month is a null path of this one: a month does not change because of what follows it.

    `half` splits the paths in two by the second in which they began, even or odd: as good as by lot,
    and the same everywhere. Two fits that agree show how far the figures can be trusted.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'month_start_date', 'data_type': 'date'},
    meta={'date_effects': attribution_effects(widen_to='month')}
) }}

{% set path = 'path_hk, advertiser_hk, month_start_date, is_converting' %}
{% set first_touch_at = 'min(touches.touch_at) over (partition by ' ~ path ~ ')' %}

with converting as (
    select
        conversion_hk as path_hk,
        advertiser_hk,
        {{ date_start('event_date', 'month') }} as month_start_date,
        true as is_converting,
        touch_hk,
        touch_type,
        touch_id,
        touch_at,
        channel
    from {{ ref('bv_attribution_touches') }}
    where
        {{ affected_dates('event_date') }}
        and mod({{ sketch_value('user_hk') }}, 100) < {{ var('attribution_fit_percent') }}
),

channel_touches as (
    select
        user_hk as path_hk,
        advertiser_hk,
        {{ date_start('event_date', 'month') }} as month_start_date,
        false as is_converting,
        touch_hk,
        touch_type,
        touch_id,
        touch_at,
        impression_hk,
        channel
    from {{ ref('bv_channel_touches') }}
    where {{ affected_dates('event_date') }}
),

accounted as (
    select
        touch_hk,
        touch_type,
        month_start_date
    from converting
    union distinct
    select
        impression_hk as touch_hk,
        'view' as touch_type,
        month_start_date
    from channel_touches
    where touch_type = 'click'
),

null_touches as (
    select channel_touches.*
    from channel_touches
    left join accounted
        on
            channel_touches.touch_hk = accounted.touch_hk
            and channel_touches.touch_type = accounted.touch_type
            and channel_touches.month_start_date = accounted.month_start_date
    where accounted.touch_hk is null
),

touches as (
    select
        {{ path }},
        touch_type,
        touch_id,
        touch_at,
        channel
    from converting
    union all
    select
        {{ path }},
        touch_type,
        touch_id,
        touch_at,
        channel
    from null_touches
),

steps as (
    select
        touches.*,
        lag(touches.channel) over (
            partition by {{ path }} order by touches.touch_at, touches.touch_id, touches.touch_type
        ) as previous_channel,
        lead(touches.channel) over (
            partition by {{ path }} order by touches.touch_at, touches.touch_id, touches.touch_type
        ) as next_channel,
        mod({{ elapsed("timestamp '1970-01-01 00:00:00'", first_touch_at, 'second') }}, 2) as half
    from touches
),

moves as (
    select
        month_start_date,
        half,
        '(start)' as from_channel,
        channel as to_channel
    from steps
    where previous_channel is null
    union all
    select
        month_start_date,
        half,
        channel as from_channel,
        coalesce(next_channel, case when is_converting then '(conversion)' else '(null)' end)
            as to_channel
    from steps
),

transitions as (
    select
        month_start_date,
        half,
        from_channel,
        to_channel,
        count(*) as transition_count
    from moves
    group by month_start_date, half, from_channel, to_channel
)

select * from transitions
