{#
    What delivery costs and bills; conversions and credit notes have models of their own, and
    fct_line_item_billing_daily brings the three together.

    - Gross media cost: what the auction cleared at, for every impression that the exchange has billed,
      valid or not, on the impression's date and in the currency of the win. Billed bids that rendered
      no impression have no date or line item here: they are in fct_billing_notices.
    - Billed: CPM, the line item's rate of the impression's time for every net impression; CPC, the rate
      of the click's time for every net click, on the click's own date. A restated verdict restates
      both.
    - The date is the one in the advertiser's time zone; what the dimensions say is taken as of the
      event. A line item that no source has described yet counts by UTC dates, and is not billed.
    - Sums stay in integers (nano-units); currencies are converted after summing, by the rate of the
      date or the last before it.

    A dimension may be delivered late: its new versions restate `late_dimension_days` before they
    begin, too. What lies further back, `assert_no_dimension_came_too_late` finds.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'advertiser_date', 'data_type': 'date'},
    meta={'date_effects': verdict_effects(
        days_before=1, days_after=1, dimensions=['line_items', 'campaigns', 'advertisers']
    ) + [
        {'input': 'exchange.wins', 'days_before': 2, 'days_after': var('max_billing_delay_days') + 1},
        {'input': 'exchange.billing_notices',
         'days_before': var('max_billing_delay_days') + 1, 'days_after': 2},
        {'input': 'fx.rates', 'by': 'effective_from'},
    ]}
) }}

with impressions as (
    select
        line_item_key,
        event_at,
        case when is_invalid then 0 else 1 end as net_impression_count
    from {{ ref('fct_impressions') }}
    where {{ affected_dates('event_date', days_before=1, days_after=1) }}
),

billed_impressions as (
    select
        {{ hash_to_text('line_item_hk') }} as line_item_key,
        event_at,
        media_cost_micros,
        media_cost_currency_code
    from {{ ref('bv_bought_impressions') }}
    where
        {{ affected_dates('event_date', days_before=1, days_after=1) }}
        and media_cost_micros is not null
),

net_clicks as (
    select
        line_item_key,
        event_at
    from {{ ref('fct_clicks') }}
    where
        {{ affected_dates('event_date', days_before=1, days_after=1) }}
        and click_class = 'net'
),

events as (
    select
        line_item_key,
        event_at,
        1 as gross_impression_count,
        net_impression_count,
        0 as net_click_count,
        cast(null as bigint) as cost_nanos,
        cast(null as string) as cost_currency_code
    from impressions
    union all
    select
        line_item_key,
        event_at,
        0 as gross_impression_count,
        0 as net_impression_count,
        1 as net_click_count,
        cast(null as bigint) as cost_nanos,
        cast(null as string) as cost_currency_code
    from net_clicks
    union all
    select
        line_item_key,
        event_at,
        0 as gross_impression_count,
        0 as net_impression_count,
        0 as net_click_count,
        media_cost_micros as cost_nanos,
        media_cost_currency_code as cost_currency_code
    from billed_impressions
),

events_as_of as (
    select
        events.line_item_key,
        line_items.campaign_key,
        campaigns.advertiser_key,
        {{ date_in_zone('events.event_at', "coalesce(advertisers.time_zone, 'UTC')") }}
            as advertiser_date,
        events.gross_impression_count,
        events.net_impression_count,
        events.net_click_count,
        events.cost_nanos,
        coalesce(events.cost_currency_code, 'XXX') as cost_currency_code,
        coalesce(line_items.currency_code, 'XXX') as billing_currency_code,
        case
            when line_items.pricing_model = 'CPM'
                then events.net_impression_count * line_items.rate_micros
            else 0
        end as cpm_nanos,
        case
            when line_items.pricing_model = 'CPC'
                then events.net_click_count * line_items.rate_micros * 1000
            else 0
        end as cpc_nanos
    from events
    {{ as_of(ref('dim_line_items'), 'line_items', 'line_item_key',
             'events.line_item_key', 'events.event_at') }}
    {{ as_of(ref('dim_campaigns'), 'campaigns', 'campaign_key',
             'line_items.campaign_key', 'events.event_at') }}
    {{ as_of(ref('dim_advertisers'), 'advertisers', 'advertiser_key',
             'campaigns.advertiser_key', 'events.event_at') }}
),

affected_events as (
    select * from events_as_of
    where {{ affected_dates('advertiser_date') }}
),

amounts_by_currency as (
    select
        line_item_key,
        campaign_key,
        advertiser_key,
        advertiser_date,
        billing_currency_code as currency_code,
        sum(gross_impression_count) as gross_impression_count,
        sum(net_impression_count) as net_impression_count,
        sum(net_click_count) as net_click_count,
        0 as cost_nanos,
        sum(cpm_nanos) as cpm_nanos,
        sum(cpc_nanos) as cpc_nanos
    from affected_events
    where cost_nanos is null
    group by
        line_item_key, campaign_key, advertiser_key, advertiser_date, billing_currency_code
    union all
    select
        line_item_key,
        campaign_key,
        advertiser_key,
        advertiser_date,
        cost_currency_code as currency_code,
        0 as gross_impression_count,
        0 as net_impression_count,
        0 as net_click_count,
        sum(cost_nanos) as cost_nanos,
        0 as cpm_nanos,
        0 as cpc_nanos
    from affected_events
    where cost_nanos is not null
    group by
        line_item_key, campaign_key, advertiser_key, advertiser_date, cost_currency_code
),

native_amounts as (
    select
        line_item_key,
        campaign_key,
        advertiser_key,
        advertiser_date,
        currency_code,
        cast(sum(gross_impression_count) as bigint) as gross_impression_count,
        cast(sum(net_impression_count) as bigint) as net_impression_count,
        cast(sum(net_click_count) as bigint) as net_click_count,
        {{ nanos_to_amount('sum(cpm_nanos)') }} as cpm_billed_amount,
        {{ nanos_to_amount('sum(cpc_nanos)') }} as cpc_billed_amount,
        {{ nanos_to_amount('sum(cost_nanos)') }} as gross_media_cost_amount
    from amounts_by_currency
    group by line_item_key, campaign_key, advertiser_key, advertiser_date, currency_code
),

billing as (
    {{ billing_in_base(
        'native_amounts',
        'delivery_billing_key',
        counts=['gross_impression_count', 'net_impression_count', 'net_click_count'],
        amounts=['cpm_billed', 'cpc_billed', 'gross_media_cost'],
        fx_rates=ref('bv_fx_rates_by_date'),
        line_items=ref('dim_line_items'),
        campaigns=ref('dim_campaigns'),
        advertisers=ref('dim_advertisers')
    ) }}
)

select * from billing
