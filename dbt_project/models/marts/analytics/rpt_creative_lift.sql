{#
    What each arm of a creative experiment gains over its control: the arm named `control`, else the
    first by name. The net impressions of an arm are its trials, the net clicks its successes; the
    interval is that of the normal approximation with the unpooled standard error,

        sqrt(p1 (1 - p1) / n1 + p2 (1 - p2) / n2),

    made of the two rates as they are shown, in integers: p (1 - p) is a whole count of 10^-18, and the
    root of such a count is in 10^-9. Each step is rounded down, so that the error is too small by less
    than 0.000000002.
#}
with performance as (
    select
        line_item_key,
        creative_key,
        experiment_arm,
        cast(sum(net_impression_count) as bigint) as net_impression_count,
        cast(sum(net_click_count) as bigint) as net_click_count
    from {{ ref('rpt_creative_performance_daily') }}
    where experiment_arm is not null
    group by line_item_key, creative_key, experiment_arm
),

experiments as (
    select
        line_item_key,
        coalesce(
            max(case when experiment_arm = 'control' then experiment_arm end),
            min(experiment_arm)
        ) as control_arm
    from performance
    group by line_item_key
),

controls as (
    select
        experiments.line_item_key,
        experiments.control_arm,
        cast(sum(performance.net_impression_count) as bigint) as net_impression_count,
        cast(sum(performance.net_click_count) as bigint) as net_click_count
    from experiments
    inner join performance
        on
            experiments.line_item_key = performance.line_item_key
            and experiments.control_arm = performance.experiment_arm
    group by experiments.line_item_key, experiments.control_arm
),

compared as (
    select
        performance.line_item_key,
        performance.creative_key,
        performance.experiment_arm,
        controls.control_arm,
        performance.experiment_arm = controls.control_arm as is_control,
        performance.net_impression_count,
        performance.net_click_count,
        {{ rate('performance.net_click_count', 'performance.net_impression_count') }} as ctr_rate,
        controls.net_impression_count as control_net_impression_count,
        controls.net_click_count as control_net_click_count,
        {{ rate('controls.net_click_count', 'controls.net_impression_count') }}
            as control_ctr_rate
    from performance
    inner join controls
        on performance.line_item_key = controls.line_item_key
),

{# A rate above 1 is no share of the trials: it has no such error. #}
rated as (
    select
        compared.*,
        cast(compared.ctr_rate * 1000000000 as bigint) as ctr_nanos,
        cast(compared.control_ctr_rate * 1000000000 as bigint) as control_ctr_nanos,
        compared.ctr_rate <= 1 and compared.control_ctr_rate <= 1 as is_proportion
    from compared
),

varied as (
    select
        rated.*,
        case
            when not rated.is_control
                then cast(rated.ctr_rate - rated.control_ctr_rate as numeric(38, 9))
        end as ctr_difference,
        case
            when not rated.is_control and rated.is_proportion
                then
                    {{ divide_truncated(
                        'rated.ctr_nanos * (1000000000 - rated.ctr_nanos)', 'rated.net_impression_count'
                    ) }}
                    + {{ divide_truncated(
                        'rated.control_ctr_nanos * (1000000000 - rated.control_ctr_nanos)',
                        'rated.control_net_impression_count'
                    ) }}
        end as difference_variance_attos
    from rated
),

deviated as (
    select
        varied.*,
        {{ rate('varied.ctr_difference', 'varied.control_ctr_rate') }} as ctr_lift_rate,
        {{ nanos_to_amount(integer_root('varied.difference_variance_attos')) }}
            as difference_standard_error
    from varied
),

bounded as (
    select
        deviated.*,
        {{ multiply_rounded(
            'deviated.difference_standard_error', "cast('" ~ var('lift_confidence_z') ~ "' as numeric(38, 9))"
        ) }} as half_width
    from deviated
),

intervals as (
    select
        bounded.*,
        cast(bounded.ctr_difference - bounded.half_width as numeric(38, 9)) as difference_low,
        cast(bounded.ctr_difference + bounded.half_width as numeric(38, 9)) as difference_high
    from bounded
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'intervals.line_item_key', 'intervals.creative_key', 'intervals.experiment_arm',
        ])) }} as creative_lift_key,
        intervals.line_item_key,
        line_items.line_item_id,
        intervals.creative_key,
        creatives.creative_id,
        intervals.experiment_arm,
        intervals.control_arm,
        intervals.is_control,
        intervals.net_impression_count,
        intervals.net_click_count,
        intervals.ctr_rate,
        intervals.control_net_impression_count,
        intervals.control_net_click_count,
        intervals.control_ctr_rate,
        intervals.ctr_difference,
        intervals.ctr_lift_rate,
        intervals.difference_standard_error,
        intervals.difference_low,
        intervals.difference_high,
        intervals.difference_low > 0 or intervals.difference_high < 0 as is_significant
    from intervals
    left join {{ ref('dim_line_items') }} as line_items
        on intervals.line_item_key = line_items.line_item_key and line_items.is_current
    left join {{ ref('dim_creatives') }} as creatives
        on intervals.creative_key = creatives.creative_key and creatives.is_current
)

select * from report
