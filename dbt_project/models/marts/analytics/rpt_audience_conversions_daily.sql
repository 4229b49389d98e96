{#
    Conversions by campaign and audience, attributed to the last touch: age band and gender are those of
    the conversion's own user id by its profile when it converted. Organic conversions have no campaign
    and are left out. Apart from rpt_audience_performance_daily, whose dates an increment would otherwise
    have to replace by whole months, as attribution does.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': attribution_effects(widen_to='month') + [
        {'input': 'campaigns.user_profiles', 'by': 'effective_from'},
    ]}
) }}

with touches as (
    select
        event_date,
        conversion_key,
        conversion_at,
        campaign_key,
        last_credit
    from {{ ref('fct_attribution_touches') }}
    where {{ affected_dates('event_date') }}
),

conversions as (
    select
        event_date,
        conversion_key,
        user_key
    from {{ ref('fct_conversions') }}
    where {{ affected_dates('event_date') }}
),

by_audience as (
    select
        touches.event_date,
        touches.campaign_key,
        coalesce(profiles.age_band, 'unknown') as age_band,
        coalesce(profiles.gender, 'unknown') as gender,
        cast(sum(touches.last_credit) as bigint) as credit_millionths
    from touches
    inner join conversions
        on
            touches.conversion_key = conversions.conversion_key
            and touches.event_date = conversions.event_date
    {{ profile_at(ref('bv_user_profiles'), 'profiles',
                  'conversions.user_key', 'touches.conversion_at') }}
    group by
        touches.event_date,
        touches.campaign_key,
        coalesce(profiles.age_band, 'unknown'),
        coalesce(profiles.gender, 'unknown')
    having sum(touches.last_credit) > 0
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'by_audience.event_date:date', 'by_audience.campaign_key', 'by_audience.age_band',
            'by_audience.gender',
        ])) }} as audience_conversion_key,
        by_audience.event_date,
        by_audience.campaign_key,
        campaigns.campaign_id,
        by_audience.age_band,
        by_audience.gender,
        {{ micros_to_amount('by_audience.credit_millionths') }} as attributed_conversion_count
    from by_audience
    left join {{ ref('dim_campaigns') }} as campaigns
        on by_audience.campaign_key = campaigns.campaign_key and campaigns.is_current
)

select * from report
