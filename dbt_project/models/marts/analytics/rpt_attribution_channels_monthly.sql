{#
    What data-driven attribution found for each month, and how stable it is: shares fitted on one half
    of the paths and on the other. A month with few paths shows halves far apart.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'month_start_date', 'data_type': 'date'},
    meta={'date_effects': attribution_effects(widen_to='month')}
) }}

with weights as (
    select * from {{ ref('bv_attribution_channel_weights') }}
    where {{ affected_dates('month_start_date') }}
),

report as (
    select
        {{ hash_to_text('weights.channel_weight_hk') }} as attribution_channel_key,
        weights.month_start_date,
        weights.attribution_model,
        weights.channel,
        weights.weight,
        weights.share_rate,
        weights.half_a_share_rate,
        weights.half_b_share_rate,
        cast(abs(weights.half_a_share_rate - weights.half_b_share_rate) as numeric(38, 9))
            as half_difference,
        weights.converting_path_count,
        weights.null_path_count
    from weights
)

select * from report
