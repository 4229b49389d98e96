{#
    Each number on its way from the source to the mart: a cause adds or takes away, a figure is what a
    table says. The value of a cause is the sum of all causes so far; a figure stands beside it, and its
    difference is what no cause explains: zero, or assert_number_chains_add_up fails.
#}
{{ config(materialized='view', contract={'enforced': true}) }}

{%- set deliveries = [
    ('impression', 'impressions'), ('click', 'clicks'), ('conversion', 'conversions'),
    ('video_event', 'video_events'), ('viewability', 'viewability_intervals'),
    ('user_action', 'user_actions'), ('auction', 'auctions'), ('bid', 'bids'), ('win', 'wins'),
    ('billing_notice', 'billing_notices'),
] %}
{%- set no_date = "cast('0001-01-01' as date)" %}
{%- set of_records = [
    ('read', 'read_count'), ('failed', '-failed_count'), ('loaded', 'loaded_count'),
    ('duplicates', '-duplicate_count'), ('id conflicts', '-id_conflict_count'),
    ('without a key', '-rejected_count'), ('distinct', 'distinct_count'),
] %}
{%- set of_deliveries = [
    ('duplicates', '-duplicate_count'),
    ('id conflicts', '-(id_conflict_count + foreign_id_conflict_count)'),
    ('without a key', '-rejected_count'),
] %}
{%- set of_reports = [
    ('rpt_campaign_performance_daily', 'impressions', 'gross', 'gross_impression_count'),
    ('rpt_campaign_performance_daily', 'impressions', 'invalid', '-invalid_impression_count'),
    ('rpt_campaign_performance_daily', 'impressions', 'net', 'net_impression_count'),
    ('rpt_campaign_performance_daily', 'clicks', 'gross', 'gross_click_count'),
    ('rpt_campaign_performance_daily', 'clicks', 'orphan', '-orphan_click_count'),
    ('rpt_campaign_performance_daily', 'clicks', 'invalid', '-invalid_click_count'),
    ('rpt_campaign_performance_daily', 'clicks', 'repeat', '-repeat_click_count'),
    ('rpt_campaign_performance_daily', 'clicks', 'net', 'net_click_count'),
    ('rpt_campaign_performance_daily', 'conversions', 'distinct', 'conversion_count'),
    ('rpt_video_daily', 'video_events', 'net', 'start_count + first_quartile_count + midpoint_count'
     ' + third_quartile_count + complete_count + mute_count + skip_count'),
    ('rpt_auction_funnel_daily', 'auctions', 'slots', 'imp_count'),
    ('rpt_auction_funnel_daily', 'bids', 'distinct', 'bid_count'),
    ('rpt_auction_funnel_daily', 'wins', 'distinct', 'win_count'),
    ('rpt_auction_funnel_daily', 'billing_notices', 'distinct', 'billed_bid_count'),
] %}
{%- set of_counts = [
    ('video_events', 'video_events', none, 'distinct', 1),
    ('video_events', 'video_events', 'orphan', 'without an impression', -1),
    ('video_events', 'video_events', 'invalid', 'of invalid impressions', -1),
    ('viewability_intervals', 'viewability_intervals', none, 'distinct', 1),
    ('user_actions', 'user_actions', none, 'distinct', 1),
    ('auctions', 'auctions', none, 'distinct', 1),
    ('auctions', 'auctions', none, 'more slots than one', -1),
    ('auctions', 'slots', none, 'more slots than one', 1),
    ('impressions', 'impressions', 'adserver.impressions', 'in stream and files', 1),
    ('clicks', 'clicks', 'adserver.clicks', 'in stream and files', 1),
] %}
{%- set of_money = [
    ('media_cost', 'currency_code', 'native', 'media_cost_amount'),
    ('media_cost', 'currency_code', 'currency conversion',
     'media_cost_base_amount - media_cost_amount'),
    ('media_cost', 'currency_code', 'base', 'media_cost_base_amount'),
    ('billed', 'currency_code', 'native', 'billed_amount'),
    ('billed', 'currency_code', 'currency conversion', 'billed_base_amount - billed_amount'),
    ('billed', 'currency_code', 'base', 'billed_base_amount'),
    ('margin', 'base_currency_code', 'billed', 'billed_base_amount'),
    ('margin', 'base_currency_code', 'media cost', '-media_cost_base_amount'),
    ('margin', 'base_currency_code', 'margin', 'margin_base_amount'),
] %}

with steps as (
    select * from {{ ref('number_chain_steps') }}
),

deliveries as (
    select
        case event_type
            {%- for event_type, number in deliveries %}
            when '{{ event_type }}' then '{{ number }}'
            {%- endfor %}
        end as number_name,
        case
            when source_table in ('ad_events.events', 'user_events.events')
                then 'loaded from the stream'
            else 'loaded from files'
        end as loaded_from,
        source_table,
        event_date,
        delivery_count,
        distinct_count,
        duplicate_count,
        id_conflict_count,
        foreign_id_conflict_count,
        rejected_count
    from {{ ref('bv_deliveries') }}
),

spend as (
    select * from {{ ref('fct_line_item_spend_daily') }}
),

{# Amounts of steps, with as many rows a step as its table has. #}
amounts as (
    select
        number_name,
        'all' as part_name,
        event_date as number_date,
        loaded_from as step_name,
        cast(delivery_count as numeric(38, 9)) as amount
    from deliveries
    {%- for step, expression in of_deliveries %}
    union all
    select
        number_name,
        'all' as part_name,
        event_date as number_date,
        '{{ step }}' as step_name,
        cast({{ expression }} as numeric(38, 9)) as amount
    from deliveries
    {%- endfor %}
    union all
    select
        number_name,
        'all' as part_name,
        event_date as number_date,
        'in stream and files' as step_name,
        cast(-distinct_count as numeric(38, 9)) as amount
    from deliveries
    where source_table in ('adserver.impressions', 'adserver.clicks')
    {%- for number, counted, part, step, sign in of_counts %}
    union all
    select
        '{{ number }}' as number_name,
        'all' as part_name,
        event_date as number_date,
        '{{ step }}' as step_name,
        cast({{ '-' if sign < 0 }}event_count as numeric(38, 9)) as amount
    from {{ ref('rpt_event_counts_daily') }}
    where
        number_name = '{{ counted }}'
        {%- if part %}
        and part_name = '{{ part }}'
        {%- endif %}
    {%- endfor %}
    {%- for report, number, step, expression in of_reports %}
    union all
    select
        '{{ number }}' as number_name,
        'all' as part_name,
        event_date as number_date,
        '{{ step }}' as step_name,
        cast({{ expression }} as numeric(38, 9)) as amount
    from {{ ref(report) }}
    {%- endfor %}
    union all
    select
        'conversions' as number_name,
        'all' as part_name,
        event_date as number_date,
        case when touch_type = 'organic' then 'organic' else 'attributed' end as step_name,
        cast(
            case when touch_type = 'organic' then -conversion_count else conversion_count end
            as numeric(38, 9)
        ) as amount
    from {{ ref('rpt_attribution_daily') }}
    where attribution_model = 'last'
    {%- for number, part, step, expression in of_money %}
    union all
    select
        '{{ number }}' as number_name,
        {{ part }} as part_name,
        advertiser_date as number_date,
        '{{ step }}' as step_name,
        cast({{ expression }} as numeric(38, 9)) as amount
    from spend
    {%- endfor %}
    {%- for step, expression in of_records %}
    union all
    select
        'records' as number_name,
        source_table as part_name,
        cast(null as date) as number_date,
        '{{ step }}' as step_name,
        cast({{ expression }} as numeric(38, 9)) as amount
    from {{ ref('rpt_source_balance') }}
    {%- endfor %}
),

sums as (
    select
        number_name,
        part_name,
        number_date,
        step_name,
        sum(amount) as amount
    from amounts
    group by number_name, part_name, number_date, step_name
),

numbers as (
    select distinct
        number_name,
        part_name,
        number_date
    from sums
),

{# Every step of every number, those too in which nothing happened. #}
whole as (
    select
        numbers.number_name,
        numbers.part_name,
        numbers.number_date,
        steps.step_number,
        steps.step_name,
        steps.step_type,
        coalesce(sums.amount, 0) as amount,
        steps.explanation
    from numbers
    inner join steps
        on numbers.number_name = steps.number_name
    left join sums
        on
            numbers.number_name = sums.number_name
            and numbers.part_name = sums.part_name
            and coalesce(numbers.number_date, {{ no_date }})
            = coalesce(sums.number_date, {{ no_date }})
            and steps.step_name = sums.step_name
),

explained as (
    select
        number_name,
        part_name,
        number_date,
        step_number,
        step_name,
        step_type,
        amount,
        sum(case when step_type = 'cause' then amount else 0 end) over (
            partition by number_name, part_name, number_date
            order by step_number
            rows between unbounded preceding and current row
        ) as explained_amount,
        explanation
    from whole
),

chain as (
    select
        number_name,
        part_name,
        number_date,
        cast(step_number as bigint) as step_number,
        step_name,
        step_type,
        cast(
            case when step_type = 'cause' then explained_amount else amount end as numeric(38, 9)
        ) as value,
        cast(
            case when step_type = 'cause' then amount else amount - explained_amount end
            as numeric(38, 9)
        ) as difference_to_previous,
        explanation
    from explained
)

select * from chain
