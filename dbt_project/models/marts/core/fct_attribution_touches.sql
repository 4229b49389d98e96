{# Credits and values are those of every model side by side; reports turn them into rows. #}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    cluster_by=['line_item_key'],
    meta={'date_effects': attribution_effects(widen_to='month')}
) }}

with touches as (
    select * from {{ ref('bv_attribution_touches') }}
    where {{ affected_dates('event_date') }}
),

credits as (
    select * from {{ ref('bv_attribution_credits') }}
    where {{ affected_dates('event_date') }}
),

facts as (
    select
        {{ hash_to_text('touches.attribution_touch_hk') }} as attribution_touch_key,
        {{ hash_to_text('touches.conversion_hk') }} as conversion_key,
        touches.conversion_id,
        touches.conversion_at,
        touches.event_date,
        {{ hash_to_text('touches.advertiser_hk') }} as advertiser_key,
        touches.conversion_type,
        touches.conversion_value_micros,
        touches.currency_code,
        touches.touch_number,
        touches.touch_count,
        touches.touch_type,
        {{ hash_to_text('touches.touch_hk') }} as touch_key,
        touches.touch_id,
        touches.touch_at,
        touches.age_hours,
        {{ hash_to_text('touches.line_item_hk') }} as line_item_key,
        {{ hash_to_text('touches.campaign_hk') }} as campaign_key,
        {{ hash_to_text('touches.creative_hk') }} as creative_key,
        {{ hash_to_text('touches.placement_hk') }} as placement_key,
        touches.channel,
        touches.attribution_model as line_item_model,
        {%- for model in attribution_models() %}
        credits.{{ model }}_credit,
        credits.{{ model }}_value_micros,
        {%- endfor %}
        case touches.attribution_model
            {%- for model in attribution_models() %}
            when '{{ model }}' then credits.{{ model }}_credit
            {%- endfor %}
        end as line_item_model_credit,
        case touches.attribution_model
            {%- for model in attribution_models() %}
            when '{{ model }}' then credits.{{ model }}_value_micros
            {%- endfor %}
        end as line_item_model_value_micros
    from touches
    inner join credits
        on
            touches.attribution_touch_hk = credits.attribution_touch_hk
            and touches.event_date = credits.event_date
)

select * from facts
