{#
    What each touch of a conversion is credited with, by every model at once, in integers: credits of a
    conversion are millionths that sum to 1,000,000, values micro-units of its currency that sum to its
    value, by largest remainders; of equal ones the touch with the lower number gets more.

    - first: the first touch; last: the last click if there is any, else the last view;
    - linear: all alike;
    - position: 40 % the first, 40 % the last, 20 % those between alike; of two, half each;
    - time_decay: half as much for a touch that is a week older, by whole hours (time_decay_weights).

    A value is split by the credits, not by the weights again. Null where a conversion has no value.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': attribution_effects()}
) }}

{% set models = attribution_models() %}
{% set conversion = 'conversion_hk, event_date' %}

with touches as (
    select
        attribution_touch_hk,
        conversion_hk,
        event_date,
        touch_number,
        touch_count,
        age_hours,
        conversion_value_micros,
        coalesce(
            max(case when touch_type = 'click' then touch_number end) over (
                partition by {{ conversion }}
            ),
            touch_count
        ) as last_touch_number
    from {{ ref('bv_attribution_touches') }}
    where {{ affected_dates('event_date') }}
),

weighted as (
    select
        touches.*,
        weights.weight,
        cast(sum(weights.weight) over (partition by {{ conversion }}) as bigint) as weight_sum
    from touches
    left join {{ ref('time_decay_weights') }} as weights
        on touches.age_hours = weights.age_hours
),

quotas as (
    select
        weighted.*,
        {{ divide_truncated('weighted.weight * 1000000', 'weighted.weight_sum') }} as decay_floor,
        mod(weighted.weight * 1000000, nullif(weighted.weight_sum, 0)) as decay_rest,
        {{ divide_truncated(1000000, 'weighted.touch_count') }} as linear_floor,
        mod(1000000, nullif(weighted.touch_count, 0)) as linear_left,
        {{ divide_truncated(200000, 'weighted.touch_count - 2') }} as between_floor,
        mod(200000, nullif(weighted.touch_count - 2, 0)) as between_left
    from weighted
),

credits as (
    select
        quotas.attribution_touch_hk,
        quotas.conversion_hk,
        quotas.event_date,
        quotas.touch_number,
        quotas.conversion_value_micros,
        cast(case when quotas.touch_number = 1 then 1000000 else 0 end as bigint) as first_credit,
        cast(
            case when quotas.touch_number = quotas.last_touch_number then 1000000 else 0 end as bigint
        ) as last_credit,
        {# All remainders are equal, so the first touches get one more. #}
        quotas.linear_floor
        + case when quotas.touch_number <= quotas.linear_left then 1 else 0 end as linear_credit,
        case
            when quotas.touch_count = 1 then 1000000
            when quotas.touch_count = 2 then 500000
            when quotas.touch_number in (1, quotas.touch_count) then 400000
            when quotas.touch_number - 1 <= quotas.between_left then quotas.between_floor + 1
            else quotas.between_floor
        end as position_credit,
        {{ largest_remainder(
            'quotas.decay_floor', 'quotas.decay_rest', 1000000, 'quotas.conversion_hk, quotas.event_date',
            'quotas.touch_number'
        ) }} as time_decay_credit
    from quotas
),

{# value x credit / 1,000,000 without a product beyond 64 bits: by whole units and what is left of one. #}
value_quotas as (
    select
        credits.*,
        {%- for model in models %}
        {{ divide_truncated('credits.conversion_value_micros', 1000000) }} * credits.{{ model }}_credit
        + {{ divide_truncated(
            'mod(credits.conversion_value_micros, 1000000) * credits.' ~ model ~ '_credit', 1000000
        ) }} as {{ model }}_floor,
        mod(mod(credits.conversion_value_micros, 1000000) * credits.{{ model }}_credit, 1000000)
            as {{ model }}_rest{{ ',' if not loop.last }}
        {%- endfor %}
    from credits
),

valued as (
    select
        value_quotas.attribution_touch_hk,
        value_quotas.conversion_hk,
        value_quotas.event_date,
        value_quotas.touch_number,
        {%- for model in models %}
        value_quotas.{{ model }}_credit,
        {%- endfor %}
        {%- for model in models %}
        {{ largest_remainder(
            'value_quotas.' ~ model ~ '_floor', 'value_quotas.' ~ model ~ '_rest',
            'value_quotas.conversion_value_micros',
            'value_quotas.conversion_hk, value_quotas.event_date', 'value_quotas.touch_number'
        ) }} as {{ model }}_value_micros{{ ',' if not loop.last }}
        {%- endfor %}
    from value_quotas
)

select * from valued
