{#
    What the client's samples say of an impression, by the rules of the MRC. Intervals stand in the order
    of their starts, then of their numbers. One with enough pixels in view continues the stretch before it
    where it starts at most `max_sample_gap_ms` after that stretch ends; one with too few ends it, and for
    video so does one that is not playing (or does not say so).

    A stretch of display lasts from its first start to its last end. One of video lasts as long as the
    content that it shows: what is played twice counts once, by position_ms (start_ms where that is not
    said). An interval belongs to its impression up to one day either side, for clocks around midnight.

    Only a measurable impression is viewable, and has time in view: the sum of its intervals with enough
    pixels.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': [
        {'input': 'ad_events.events', 'days_before': 1, 'days_after': 1},
        {'input': 'adserver.impressions'},
    ]}
) }}

with impressions as (
    select
        impression_hk,
        impression_id,
        event_date,
        case
            when ad_format = 'video' then 'video'
            when width * height >= {{ var('large_display_pixels') }} then 'large_display'
            else 'display'
        end as viewability_rule
    from {{ ref('bv_impressions') }}
    where {{ affected_dates('event_date') }}
),

intervals as (
    select
        impression_hk,
        event_date,
        interval_sequence,
        start_ms,
        greatest(start_ms, end_ms) as end_ms,
        in_view_fraction,
        is_measurable,
        coalesce(is_playing, false) as is_playing,
        coalesce(position_ms, start_ms) as position_ms
    from {{ ref('nhl_viewability__ad_events') }}
    where {{ affected_dates('event_date', days_before=1, days_after=1) }}
),

judged as (
    select
        impressions.impression_hk,
        impressions.impression_id,
        impressions.event_date,
        impressions.viewability_rule,
        intervals.interval_sequence,
        intervals.start_ms,
        intervals.end_ms,
        intervals.is_measurable,
        intervals.is_playing,
        intervals.position_ms,
        intervals.in_view_fraction >= case impressions.viewability_rule
            when 'large_display'
                then cast('{{ var('large_viewable_fraction') }}' as numeric(38, 9))
            else cast('{{ var('viewable_fraction') }}' as numeric(38, 9))
        end as is_in_view
    from intervals
    inner join impressions
        on
            intervals.impression_hk = impressions.impression_hk
            and intervals.event_date >= {{ add_days('impressions.event_date', -1) }}
            and intervals.event_date <= {{ add_days('impressions.event_date', 1) }}
),

counted as (
    select
        judged.*,
        judged.is_in_view and (judged.viewability_rule <> 'video' or judged.is_playing)
            as is_counted
    from judged
),

{# Intervals that count, without one in between that does not. #}
in_runs as (
    select
        counted.*,
        sum(case when counted.is_counted then 0 else 1 end) over (
            partition by counted.impression_hk
            order by counted.start_ms, counted.interval_sequence
            rows between unbounded preceding and current row
        ) as run_number
    from counted
),

with_gaps as (
    select
        in_runs.*,
        in_runs.start_ms - max(in_runs.end_ms) over (
            partition by in_runs.impression_hk, in_runs.run_number
            order by in_runs.start_ms, in_runs.interval_sequence
            rows between unbounded preceding and 1 preceding
        ) as gap_ms
    from in_runs
    where in_runs.is_counted
),

in_stretches as (
    select
        with_gaps.*,
        sum(case when with_gaps.gap_ms > {{ var('max_sample_gap_ms') }} then 1 else 0 end) over (
            partition by with_gaps.impression_hk, with_gaps.run_number
            order by with_gaps.start_ms, with_gaps.interval_sequence
            rows between unbounded preceding and current row
        ) as stretch_number
    from with_gaps
),

with_content as (
    select
        in_stretches.*,
        in_stretches.position_ms + in_stretches.end_ms - in_stretches.start_ms as position_end_ms,
        coalesce(
            max(in_stretches.position_ms + in_stretches.end_ms - in_stretches.start_ms) over (
                partition by
                    in_stretches.impression_hk,
                    in_stretches.run_number,
                    in_stretches.stretch_number
                order by in_stretches.position_ms, in_stretches.interval_sequence
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as reached_ms
    from in_stretches
),

stretches as (
    select
        impression_hk,
        case viewability_rule
            when 'video'
                then sum(greatest(position_end_ms - greatest(position_ms, reached_ms), 0))
            else max(end_ms) - min(start_ms)
        end as stretch_ms
    from with_content
    group by impression_hk, viewability_rule, run_number, stretch_number
),

longest as (
    select
        impression_hk,
        cast(max(stretch_ms) as bigint) as longest_stretch_ms
    from stretches
    group by impression_hk
),

measured as (
    select
        impression_hk,
        impression_id,
        event_date,
        viewability_rule,
        count(*) as interval_count,
        min(case when is_measurable then 1 else 0 end) = 1 as is_measurable,
        cast(sum(case when is_in_view then end_ms - start_ms else 0 end) as bigint) as in_view_ms
    from judged
    group by impression_hk, impression_id, event_date, viewability_rule
),

verdicts as (
    select
        measured.impression_hk,
        measured.impression_id,
        measured.event_date,
        measured.viewability_rule,
        measured.interval_count,
        coalesce(longest.longest_stretch_ms, 0) as longest_stretch_ms,
        measured.is_measurable,
        measured.is_measurable and coalesce(longest.longest_stretch_ms, 0)
        >= case measured.viewability_rule
            when 'video' then {{ var('video_viewable_ms') }}
            else {{ var('display_viewable_ms') }}
        end as is_viewable,
        case when measured.is_measurable then measured.in_view_ms else 0 end as in_view_ms
    from measured
    left join longest
        on measured.impression_hk = longest.impression_hk
)

select * from verdicts
