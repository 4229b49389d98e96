{#
    All models side by side, by the date of the conversion. A conversion that nothing led to is organic:
    a row without line item in every model, so that each model adds up to all conversions.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': attribution_effects(widen_to='month')}
) }}

{% set grain = [
    'event_date',
    'advertiser_key',
    'campaign_key',
    'line_item_key',
    'channel',
    'touch_type',
    'conversion_type',
    'currency_code',
    'line_item_model',
] %}

with touches as (
    select * from {{ ref('fct_attribution_touches') }}
    where {{ affected_dates('event_date') }}
),

conversions as (
    select * from {{ ref('fct_conversions') }}
    where {{ affected_dates('event_date') }}
),

models as (
    {%- for model in attribution_models() %}
    select '{{ model }}' as attribution_model
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

attributed as (
    select
        {%- for model in attribution_models() %}
        cast(sum({{ model }}_credit) as bigint) as {{ model }}_credit,
        cast(sum({{ model }}_value_micros) as bigint) as {{ model }}_value_micros,
        {%- endfor %}
        {%- for column in grain %}
        {{ column }},
        {%- endfor %}
        count(*) as touch_count
    from touches
    group by {{ grain | join(', ') }}
),

by_model as (
    select
        {%- for column in grain %}
        attributed.{{ column }},
        {%- endfor %}
        models.attribution_model,
        attributed.touch_count,
        case models.attribution_model
            {%- for model in attribution_models() %}
            when '{{ model }}' then attributed.{{ model }}_credit
            {%- endfor %}
        end as credit_millionths,
        case models.attribution_model
            {%- for model in attribution_models() %}
            when '{{ model }}' then attributed.{{ model }}_value_micros
            {%- endfor %}
        end as value_micros
    from attributed
    cross join models
),

organic as (
    select
        conversions.event_date,
        conversions.advertiser_key,
        conversions.conversion_type,
        conversions.currency_code,
        cast(count(*) * 1000000 as bigint) as credit_millionths,
        sum(conversions.conversion_value_amount) as value_amount
    from conversions
    where
        not exists (
            select 1
            from touches
            where
                touches.conversion_key = conversions.conversion_key
                and touches.event_date = conversions.event_date
        )
    group by
        conversions.event_date,
        conversions.advertiser_key,
        conversions.conversion_type,
        conversions.currency_code
),

all_conversions as (
    select
        by_model.event_date,
        by_model.attribution_model,
        by_model.touch_type,
        by_model.advertiser_key,
        by_model.campaign_key,
        by_model.line_item_key,
        by_model.channel,
        by_model.conversion_type,
        by_model.currency_code,
        by_model.line_item_model,
        by_model.touch_count,
        by_model.credit_millionths,
        {{ micros_to_amount('by_model.value_micros') }} as value_amount
    from by_model
    union all
    select
        organic.event_date,
        models.attribution_model,
        'organic' as touch_type,
        organic.advertiser_key,
        cast(null as string) as campaign_key,
        cast(null as string) as line_item_key,
        cast(null as string) as channel,
        organic.conversion_type,
        organic.currency_code,
        cast(null as string) as line_item_model,
        0 as touch_count,
        organic.credit_millionths,
        organic.value_amount
    from organic
    cross join models
),

report as (
    select
        {{ hash_to_text(hashdiff([
            'all_conversions.event_date:date', 'all_conversions.attribution_model',
            'all_conversions.touch_type', 'all_conversions.advertiser_key',
            'all_conversions.campaign_key', 'all_conversions.line_item_key',
            'all_conversions.channel', 'all_conversions.conversion_type',
            'all_conversions.currency_code', 'all_conversions.line_item_model',
        ])) }} as attribution_key,
        all_conversions.event_date,
        all_conversions.attribution_model,
        all_conversions.touch_type,
        all_conversions.advertiser_key,
        advertisers.advertiser_id,
        all_conversions.campaign_key,
        campaigns.campaign_id,
        all_conversions.line_item_key,
        line_items.line_item_id,
        all_conversions.channel,
        all_conversions.conversion_type,
        all_conversions.currency_code,
        coalesce(all_conversions.attribution_model = all_conversions.line_item_model, false)
            as is_line_item_model,
        all_conversions.touch_count,
        all_conversions.credit_millionths,
        {{ micros_to_amount('all_conversions.credit_millionths') }} as conversion_count,
        cast(all_conversions.value_amount as numeric(38, 9)) as conversion_value_amount
    from all_conversions
    left join {{ ref('dim_line_items') }} as line_items
        on all_conversions.line_item_key = line_items.line_item_key and line_items.is_current
    left join {{ ref('dim_campaigns') }} as campaigns
        on all_conversions.campaign_key = campaigns.campaign_key and campaigns.is_current
    left join {{ ref('dim_advertisers') }} as advertisers
        on all_conversions.advertiser_key = advertisers.advertiser_key and advertisers.is_current
)

select * from report
