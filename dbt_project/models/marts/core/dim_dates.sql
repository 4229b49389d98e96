{#
    Every date that an event may have by the contracts: 2000-01-01 to 2099-12-31, 25 times four years
    with a leap day. Of two series, since GoogleSQL's reference executor makes no array of more than
    16,000 elements.
#}
{%- set start_month = var('fiscal_year_start_month') %}
with days as (
    select {{ add_days("date '2000-01-01'", '1461 * cycle_number + day_number') }} as date_day
    from (select 1 as one) as once
    cross join {{ integer_series(0, 24, 'cycle_number') }}
    cross join {{ integer_series(0, 1460, 'day_number') }}
),

dates as (
    select
        date_day,
        cast(extract(year from date_day) as bigint) as year_number,
        cast(extract(quarter from date_day) as bigint) as quarter_number,
        cast(extract(month from date_day) as bigint) as month_number,
        cast(extract(day from date_day) as bigint) as day_of_month,
        cast({{ dbt.date_trunc('month', 'date_day') }} as date) as month_start_date,
        {{ fiscal_year('date_day', start_month) }} as fiscal_year,
        {{ fiscal_quarter('date_day', start_month) }} as fiscal_quarter,
        {{ fiscal_period('date_day', start_month) }} as fiscal_period
    from days
)

select * from dates
