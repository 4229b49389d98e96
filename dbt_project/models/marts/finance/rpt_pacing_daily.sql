{#
    Where the billing of a line item stands against its plan, as of the end of each date of its flight in
    the advertiser's time zone.

    - The line item is taken as it was at that moment, so a budget that is raised, or a flight that is
      moved, changes the dates from then on. Whose it is, and in which zone its dates are, is taken as of
      the end of the same UTC date.
    - Planned: the budget times the part of the flight that has passed, by hours of the advertiser's
      clock: every date has the same part of the plan, also one on which clocks change; an hour that has
      begun does not count. Hours weigh the same, or by the traffic curve (`dim_pacing_hours`).
    - Delivered: all that is billed up to then in the line item's currency, before the flight, too.
    - A line item that has not started yet has one row, on the newest date of data. One that its source has
      deleted has none from then on.
#}
{{ config(materialized='view') }}

{% set start = 'cast(flights.start_date as timestamp)' %}
{% set end = 'cast(flights.end_date as timestamp)' %}

with newest as (
    select max(event_date) as newest_date
    from {{ ref('rpt_creative_performance_daily') }}
),

{# Of all versions, and a day either side for time zones; what is too much falls out below. #}
spans as (
    select
        line_items.line_item_key,
        newest.newest_date,
        min({{ add_days('cast(line_items.flight_start_at as date)', -1) }}) as first_date,
        max({{ add_days('cast(line_items.flight_end_at as date)', 1) }}) as last_date
    from {{ ref('dim_line_items') }} as line_items
    cross join newest
    where line_items.flight_start_at is not null
    group by line_items.line_item_key, newest.newest_date
),

dates as (
    select
        spans.line_item_key,
        spans.newest_date,
        calendar.date_day as advertiser_date,
        cast({{ add_days('calendar.date_day', 1) }} as timestamp) as next_utc_date_at
    from spans
    inner join {{ ref('dim_dates') }} as calendar
        on
            calendar.date_day >= least(spans.first_date, spans.newest_date)
            and calendar.date_day <= least(spans.last_date, spans.newest_date)
),

with_owners as (
    select
        dates.*,
        line_items.campaign_id,
        campaigns.advertiser_id,
        coalesce(advertisers.time_zone, 'UTC') as time_zone
    from dates
    {{ as_of(ref('dim_line_items'), 'line_items', 'line_item_key',
             'dates.line_item_key', 'dates.next_utc_date_at') }}
    {{ as_of(ref('dim_campaigns'), 'campaigns', 'campaign_key',
             'line_items.campaign_key', 'dates.next_utc_date_at') }}
    {{ as_of(ref('dim_advertisers'), 'advertisers', 'advertiser_key',
             'campaigns.advertiser_key', 'dates.next_utc_date_at') }}
),

with_bounds as (
    select
        with_owners.*,
        {{ start_of_date('with_owners.advertiser_date', 'with_owners.time_zone') }}
            as date_start_at,
        {{ start_of_date(add_days('with_owners.advertiser_date', 1), 'with_owners.time_zone') }}
            as date_end_at
    from with_owners
),

{# A version that begins with the next date does not hold at the end of this one. #}
flights as (
    select
        with_bounds.*,
        line_items.line_item_id,
        line_items.currency_code,
        line_items.pacing,
        line_items.flight_start_at,
        line_items.flight_end_at,
        {{ micros_to_amount('line_items.budget_micros') }} as budget_amount,
        {{ date_in_zone('line_items.flight_start_at', 'with_bounds.time_zone') }} as start_date,
        {{ hour_in_zone('line_items.flight_start_at', 'with_bounds.time_zone') }} as start_hour,
        {{ date_in_zone('line_items.flight_end_at', 'with_bounds.time_zone') }} as end_date,
        {{ hour_in_zone('line_items.flight_end_at', 'with_bounds.time_zone') }} as end_hour
    from with_bounds
    inner join {{ ref('dim_line_items') }} as line_items
        on
            with_bounds.line_item_key = line_items.line_item_key
            and with_bounds.date_end_at > line_items.as_of_from
            and with_bounds.date_end_at <= line_items.valid_to
            and not line_items.is_deleted
    where
        (
            line_items.flight_start_at < with_bounds.date_end_at
            and line_items.flight_end_at > with_bounds.date_start_at
        )
        or (
            line_items.flight_start_at >= with_bounds.date_end_at
            and with_bounds.advertiser_date = with_bounds.newest_date
        )
),

weighed as (
    select
        flights.*,
        start_hours.day_weight,
        {{ elapsed(start, end, 'day') }} * start_hours.day_weight
        + end_hours.earlier_weight - start_hours.earlier_weight as flight_weight,
        case
            when flights.flight_start_at >= flights.date_end_at then 0
            when flights.flight_end_at <= flights.date_end_at
                then
                    {{ elapsed(start, end, 'day') }}
                    * start_hours.day_weight
                    + end_hours.earlier_weight - start_hours.earlier_weight
            else
                ({{ elapsed(start, 'cast(flights.advertiser_date as timestamp)', 'day') }} + 1)
                * start_hours.day_weight
                - start_hours.earlier_weight
        end as elapsed_weight
    from flights
    inner join {{ ref('dim_pacing_hours') }} as start_hours
        on flights.start_hour = start_hours.hour_of_day
    inner join {{ ref('dim_pacing_hours') }} as end_hours
        on flights.end_hour = end_hours.hour_of_day
),

daily as (
    select
        line_item_id,
        currency_code,
        advertiser_date,
        sum(billed_amount) as billed_amount
    from {{ ref('fct_line_item_spend_daily') }}
    where billed_amount <> 0
    group by line_item_id, currency_code, advertiser_date
),

delivered as (
    select
        line_item_id,
        currency_code,
        advertiser_date as from_date,
        coalesce(
            lead(advertiser_date) over (
                partition by line_item_id, currency_code order by advertiser_date
            ),
            date '9999-12-31'
        ) as to_date,
        sum(billed_amount) over (
            partition by line_item_id, currency_code order by advertiser_date
        ) as delivered_amount
    from daily
),

with_delivery as (
    select
        weighed.*,
        cast(coalesce(delivered.delivered_amount, 0) as numeric(38, 9)) as delivered_amount
    from weighed
    left join delivered
        on
            weighed.line_item_id = delivered.line_item_id
            and weighed.currency_code = delivered.currency_code
            and weighed.advertiser_date >= delivered.from_date
            and weighed.advertiser_date < delivered.to_date
),

amounts as (
    select
        with_delivery.*,
        {{ multiply_rounded('with_delivery.budget_amount', 'with_delivery.elapsed_weight') }}
            as weighed_budget_amount,
        {{ multiply_rounded('with_delivery.delivered_amount', 'with_delivery.flight_weight') }}
            as weighed_delivered_amount,
        {{ multiply_rounded(
            'greatest(with_delivery.budget_amount - with_delivery.delivered_amount, 0)',
            'with_delivery.day_weight'
        ) }} as weighed_rest_amount,
        with_delivery.flight_weight - with_delivery.elapsed_weight as rest_weight
    from with_delivery
),

planned as (
    select
        amounts.*,
        {{ divide_rounded('amounts.weighed_budget_amount', 'amounts.flight_weight') }}
            as planned_amount
    from amounts
),

report as (
    select
        planned.advertiser_date,
        planned.line_item_id,
        planned.campaign_id,
        planned.advertiser_id,
        planned.currency_code,
        planned.pacing as pacing_mode,
        planned.flight_start_at,
        planned.flight_end_at,
        planned.budget_amount,
        {{ rate('planned.elapsed_weight', 'planned.flight_weight') }} as elapsed_rate,
        planned.planned_amount,
        planned.delivered_amount,
        {{ rate('planned.delivered_amount', 'planned.planned_amount') }} as pacing_index,
        {{ divide_rounded('planned.weighed_delivered_amount', 'planned.elapsed_weight') }}
            as forecast_amount,
        case
            when planned.rest_weight > 0
                then
                    {{ divide_rounded(
                        'planned.weighed_rest_amount',
                        'greatest(planned.rest_weight, planned.day_weight)'
                    ) }}
        end as daily_budget_needed_amount,
        case
            when planned.flight_start_at >= planned.date_end_at then 'not_started'
            when planned.flight_end_at <= planned.date_end_at then 'ended'
            when planned.delivered_amount >= planned.budget_amount then 'exhausted'
            when planned.delivered_amount * 10 < planned.planned_amount * 9 then 'under'
            when planned.delivered_amount * 10 > planned.planned_amount * 11 then 'over'
            else 'on_track'
        end as pacing_state
    from planned
)

select * from report
