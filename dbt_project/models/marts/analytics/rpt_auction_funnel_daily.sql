{#
    Each step on its own date: a slot on its request's, a bid, a win, a billing notice and an impression
    on theirs. A bid, win or notice has the slot's format, country and device; an impression has its own.
    What is unknown (the slots' line item; the bid of a win) stands in rows without it, so that every
    column adds up to the total of the day.
#}
{% set delay = var('max_billing_delay_days') %}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': [
        {'input': 'exchange.bid_requests',
         'days_before': 2, 'days_after': var('max_billing_delay_days') + 1},
        {'input': 'exchange.bids', 'days_before': 1, 'days_after': var('max_billing_delay_days')},
        {'input': 'exchange.wins'},
        {'input': 'exchange.billing_notices'},
        {'input': 'ad_events.events',
         'days_before': 2, 'days_after': var('max_billing_delay_days') + 1},
        {'input': 'adserver.impressions',
         'days_before': 1, 'days_after': var('max_billing_delay_days')},
        {'input': 'campaigns.line_items', 'by': 'effective_from',
         'days_before': var('late_dimension_days')},
        {'input': 'campaigns.campaigns', 'by': 'effective_from',
         'days_before': var('late_dimension_days')},
    ]}
) }}

{%- set steps = [
    {'relation': ref('fct_auction_imps'), 'line_item': "cast(null as string)",
     'counts': {'imp_count': '1'}},
    {'relation': ref('fct_bids'), 'line_item': 'line_item_key', 'counts': {'bid_count': '1'}},
    {'relation': ref('fct_wins'), 'line_item': 'line_item_key', 'counts': {'win_count': '1'}},
    {'relation': ref('fct_billing_notices'), 'line_item': 'line_item_key', 'counts': {
        'billed_bid_count': '1',
        'unrendered_billed_bid_count': 'case when is_rendered then 0 else 1 end',
    }},
    {'relation': ref('bv_bought_impressions'), 'line_item': hash_to_text('line_item_hk'),
     'counts': {'bought_impression_count': '1'}},
] %}
{%- set counts = [
    'imp_count', 'bid_count', 'win_count', 'billed_bid_count', 'unrendered_billed_bid_count',
    'bought_impression_count',
] %}

with steps as (
    {%- for step in steps %}
    select
        event_date,
        event_at,
        exchange,
        ad_format,
        country_code,
        device_type,
        {%- for count in counts %}
        {{ step['counts'].get(count, '0') }} as {{ count }},
        {%- endfor %}
        {{ step['line_item'] }} as line_item_key
    from {{ step['relation'] }}
    where {{ affected_dates('event_date') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

funnel as (
    select
        steps.event_date,
        steps.exchange,
        steps.ad_format,
        steps.country_code,
        steps.device_type,
        campaigns.advertiser_key,
        line_items.campaign_key,
        {%- for count in counts %}
        cast(sum(steps.{{ count }}) as bigint) as {{ count }},
        {%- endfor %}
        steps.line_item_key
    from steps
    {{ as_of(ref('dim_line_items'), 'line_items', 'line_item_key',
             'steps.line_item_key', 'steps.event_at') }}
    {{ as_of(ref('dim_campaigns'), 'campaigns', 'campaign_key',
             'line_items.campaign_key', 'steps.event_at') }}
    group by
        steps.event_date, steps.exchange, steps.ad_format, steps.country_code, steps.device_type,
        campaigns.advertiser_key, line_items.campaign_key, steps.line_item_key
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'funnel.event_date:date', 'funnel.exchange', 'funnel.ad_format', 'funnel.country_code',
            'funnel.device_type', 'funnel.advertiser_key', 'funnel.campaign_key',
            'funnel.line_item_key',
        ])) }} as auction_funnel_key,
        funnel.event_date,
        funnel.exchange,
        funnel.ad_format,
        funnel.country_code,
        funnel.device_type,
        funnel.advertiser_key,
        advertisers.advertiser_id,
        funnel.campaign_key,
        campaigns.campaign_id,
        funnel.line_item_key,
        line_items.line_item_id,
        {%- for count in counts %}
        funnel.{{ count }},
        {%- endfor %}
        {{ rate('funnel.bid_count', 'funnel.imp_count') }} as bid_rate,
        {{ rate('funnel.win_count', 'funnel.bid_count') }} as win_rate,
        {{ rate('funnel.bought_impression_count', 'funnel.win_count') }} as render_rate,
        {{ rate('funnel.bought_impression_count', 'funnel.imp_count') }} as fill_rate
    from funnel
    left join {{ ref('dim_advertisers') }} as advertisers
        on funnel.advertiser_key = advertisers.advertiser_key and advertisers.is_current
    left join {{ ref('dim_campaigns') }} as campaigns
        on funnel.campaign_key = campaigns.campaign_key and campaigns.is_current
    left join {{ ref('dim_line_items') }} as line_items
        on funnel.line_item_key = line_items.line_item_key and line_items.is_current
)

select * from report
