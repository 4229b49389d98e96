{#
    From view to click to purchase of a product, by user id and UTC date: a user is a clicker of the date
    who clicks after a first view, and a purchaser who purchases after the first such click; order is
    (time, key of the action). Beside them what happened in whatever order, users unknown as well.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': [{'input': 'user_events.events'}]}
) }}

with actions as (
    select
        user_action_id,
        event_at,
        event_date,
        event_name,
        user_hk,
        product_hk,
        sku
    from {{ ref('bv_user_actions') }}
    where
        {{ affected_dates('event_date') }}
        and product_hk is not null
        and event_name in ('view', 'click', 'purchase')
),

numbered as (
    select
        actions.*,
        row_number() over (
            partition by actions.event_date, actions.product_hk, actions.user_hk
            order by actions.event_at, actions.user_action_id
        ) as action_number
    from actions
    where actions.user_hk is not null
),

with_views as (
    select
        numbered.*,
        min(case when numbered.event_name = 'view' then numbered.action_number end) over (
            partition by numbered.event_date, numbered.product_hk, numbered.user_hk
        ) as view_number
    from numbered
),

with_clicks as (
    select
        with_views.*,
        min(
            case
                when
                    with_views.event_name = 'click'
                    and with_views.action_number > with_views.view_number
                    then with_views.action_number
            end
        ) over (
            partition by with_views.event_date, with_views.product_hk, with_views.user_hk
        ) as click_number
    from with_views
),

users as (
    select
        event_date,
        product_hk,
        user_hk,
        max(case when view_number is not null then 1 else 0 end) as is_viewer,
        max(case when click_number is not null then 1 else 0 end) as is_clicker,
        max(case when event_name = 'purchase' and action_number > click_number then 1 else 0 end)
            as is_purchaser
    from with_clicks
    group by event_date, product_hk, user_hk
),

funnels as (
    select
        event_date,
        product_hk,
        cast(sum(is_viewer) as bigint) as viewer_count,
        cast(sum(is_clicker) as bigint) as clicker_count,
        cast(sum(is_purchaser) as bigint) as purchaser_count
    from users
    group by event_date, product_hk
),

counts as (
    select
        event_date,
        product_hk,
        min(sku) as sku,
        count(case when event_name = 'view' then 1 end) as view_count,
        count(case when event_name = 'click' then 1 end) as click_count,
        count(case when event_name = 'purchase' then 1 end) as purchase_count
    from actions
    group by event_date, product_hk
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'counts.event_date:date', {'column': hash_to_text('counts.product_hk')},
        ])) }} as product_funnel_key,
        counts.event_date,
        {{ hash_to_text('counts.product_hk') }} as product_key,
        counts.sku,
        counts.view_count,
        counts.click_count,
        counts.purchase_count,
        coalesce(funnels.viewer_count, 0) as viewer_count,
        coalesce(funnels.clicker_count, 0) as clicker_count,
        coalesce(funnels.purchaser_count, 0) as purchaser_count,
        {{ rate('funnels.clicker_count', 'funnels.viewer_count') }} as click_rate,
        {{ rate('funnels.purchaser_count', 'funnels.clicker_count') }} as purchase_rate
    from counts
    left join funnels
        on
            counts.event_date = funnels.event_date
            and counts.product_hk = funnels.product_hk
)

select * from report
