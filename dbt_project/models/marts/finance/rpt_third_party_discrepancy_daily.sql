{#
    Ours against theirs. Ours: net impressions and clicks of the UTC date, and what is billed for the
    advertiser date of the same name, since money is known by advertiser dates alone; both sides' money
    in the base currency. What has net impressions, net clicks or billing on a date is a side of ours.

    Statuses: the distance from ours is within `discrepancy_ok_percent` (ok), within
    `discrepancy_warning_percent` (warning), or beyond it (error), as it is where they have something
    and we have nothing, or where an amount has no rate. The row has the worst of its three.

    Two reporters of one line item and date are two rows, each with our figures beside theirs.
#}
{{ config(materialized='view') }}

{% set measures = ['impression_count', 'click_count', 'spend_base_amount'] %}

with counted as (
    select
        event_date as report_date,
        line_item_id,
        sum(net_impression_count) as impression_count,
        sum(net_click_count) as click_count,
        cast(0 as numeric(38, 9)) as spend_base_amount
    from {{ ref('rpt_creative_performance_daily') }}
    group by event_date, line_item_id
    union all
    select
        advertiser_date as report_date,
        line_item_id,
        0 as impression_count,
        0 as click_count,
        cast(sum(billed_base_amount) as numeric(38, 9)) as spend_base_amount
    from {{ ref('fct_line_item_spend_daily') }}
    group by advertiser_date, line_item_id
),

sums as (
    select
        report_date,
        line_item_id,
        cast(sum(impression_count) as bigint) as impression_count,
        cast(sum(click_count) as bigint) as click_count,
        cast(coalesce(sum(spend_base_amount), 0) as numeric(38, 9)) as spend_base_amount
    from counted
    group by report_date, line_item_id
),

ours as (
    select * from sums
    where impression_count <> 0 or click_count <> 0 or spend_base_amount <> 0
),

sides as (
    select
        coalesce(ours.report_date, theirs.report_date) as report_date,
        coalesce(ours.line_item_id, theirs.line_item_id) as line_item_id,
        theirs.reporter,
        {%- for measure in measures %}
        ours.{{ measure }},
        theirs.{{ measure }} as third_party_{{ measure }},
        {%- endfor %}
        theirs.spend_amount as third_party_spend_amount,
        theirs.currency_code as third_party_currency_code,
        case
            when theirs.reporter is null then 'missing_theirs'
            when ours.line_item_id is null then 'missing_ours'
        end as missing_side
    from ours
    full outer join {{ ref('fct_third_party_reports') }} as theirs
        on ours.report_date = theirs.report_date and ours.line_item_id = theirs.line_item_id
),

judged as (
    select
        {%- for measure in measures %}
        case
            when sides.missing_side is not null then sides.missing_side
            when
                abs(sides.third_party_{{ measure }} - sides.{{ measure }}) * 100
                <= sides.{{ measure }} * {{ var('discrepancy_ok_percent') }}
                then 'ok'
            when
                abs(sides.third_party_{{ measure }} - sides.{{ measure }}) * 100
                <= sides.{{ measure }} * {{ var('discrepancy_warning_percent') }}
                then 'warning'
            else 'error'
        end as {{ measure.split('_')[0] }}_status,
        {%- endfor %}
        sides.*
    from sides
),

report as (
    select
        judged.report_date,
        judged.line_item_id,
        judged.reporter,
        judged.impression_count,
        judged.third_party_impression_count,
        {{ rate(
            'judged.third_party_impression_count - judged.impression_count',
            'judged.impression_count'
        ) }} as impression_discrepancy_rate,
        judged.impression_status,
        judged.click_count,
        judged.third_party_click_count,
        {{ rate('judged.third_party_click_count - judged.click_count', 'judged.click_count') }}
            as click_discrepancy_rate,
        judged.click_status,
        judged.third_party_spend_amount,
        judged.third_party_currency_code,
        '{{ var("base_currency") }}' as base_currency_code,
        judged.spend_base_amount,
        judged.third_party_spend_base_amount,
        {{ rate(
            'judged.third_party_spend_base_amount - judged.spend_base_amount',
            'judged.spend_base_amount'
        ) }} as spend_discrepancy_rate,
        judged.spend_status,
        case
            when judged.missing_side is not null then judged.missing_side
            when 'error' in (judged.impression_status, judged.click_status, judged.spend_status)
                then 'error'
            when 'warning' in (judged.impression_status, judged.click_status, judged.spend_status)
                then 'warning'
            else 'ok'
        end as discrepancy_status
    from judged
)

select * from report
