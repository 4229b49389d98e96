{#
    What each touch of a conversion is credited with, by every model at once, in integers: credits of a
    conversion are millionths that sum to 1,000,000, values micro-units of its currency that sum to its
    value, by largest remainders; of equal ones the touch with the lower number gets more.

    - first: the first touch; last: the last click if there is any, else the last view;
    - linear: all alike;
    - position: 40 % the first, 40 % the last, 20 % those between alike; of two, half each;
    - time_decay: half as much for a touch that is a week older, by whole hours (time_decay_weights);
    - markov, shapley: the channels of the path share by what they weigh in the conversion's month
      (bv_attribution_channel_weights), then the touches of each channel alike. Where none of them
      weighs anything, channels share by their touches.

    One conversion more changes what its whole month is credited with, so whole months are made again.
    A value is split by the credits, not by the weights again. Null where a conversion has no value.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'event_date', 'data_type': 'date'},
    meta={'date_effects': attribution_effects(widen_to='month')}
) }}

{% set models = attribution_models() %}
{% set fitted = ['markov', 'shapley'] %}
{% set conversion = 'conversion_hk, event_date' %}

with touches as (
    select
        attribution_touch_hk,
        conversion_hk,
        event_date,
        touch_number,
        touch_count,
        age_hours,
        channel,
        conversion_value_micros,
        row_number() over (
            partition by {{ conversion }}, channel order by touch_number
        ) as channel_touch_number,
        coalesce(
            max(case when touch_type = 'click' then touch_number end) over (
                partition by {{ conversion }}
            ),
            touch_count
        ) as last_touch_number
    from {{ ref('bv_attribution_touches') }}
    where {{ affected_dates('event_date') }}
),

channel_weights as (
    select * from {{ ref('bv_attribution_channel_weights') }}
    where {{ affected_dates('month_start_date') }}
),

channels as (
    select
        touches.conversion_hk,
        touches.event_date,
        touches.channel,
        count(*) as touch_count,
        min(touches.touch_number) as first_touch_number
    from touches
    group by touches.conversion_hk, touches.event_date, touches.channel
),

known_channels as (
    select
        {%- for model in fitted %}
        cast(sum(
            case
                when channel_weights.attribution_model = '{{ model }}' then channel_weights.weight
            end
        ) as bigint) as {{ model }}_known,
        {%- endfor %}
        channels.conversion_hk,
        channels.event_date,
        channels.channel,
        channels.touch_count,
        channels.first_touch_number
    from channels
    left join channel_weights
        on
            {{ date_start('channels.event_date', 'month') }} = channel_weights.month_start_date
            and channels.channel = channel_weights.channel
    group by
        channels.conversion_hk,
        channels.event_date,
        channels.channel,
        channels.touch_count,
        channels.first_touch_number
),

channel_shares as (
    select
        {%- for model in fitted %}
        case
            when sum(known_channels.{{ model }}_known) over (partition by {{ conversion }}) > 0
                then coalesce(known_channels.{{ model }}_known, 0)
            else known_channels.touch_count
        end as {{ model }}_weight,
        {%- endfor %}
        known_channels.*
    from known_channels
),

channel_sums as (
    select
        {%- for model in fitted %}
        channel_shares.{{ model }}_weight * 1000000 as {{ model }}_parts,
        cast(
            sum(channel_shares.{{ model }}_weight) over (partition by {{ conversion }}) as bigint
        ) as {{ model }}_sum,
        {%- endfor %}
        channel_shares.*
    from channel_shares
),

channel_quotas as (
    select
        {%- for model in fitted %}
        {{ divide_truncated('channel_sums.' ~ model ~ '_parts', 'channel_sums.' ~ model ~ '_sum') }}
            as {{ model }}_floor,
        mod(channel_sums.{{ model }}_parts, nullif(channel_sums.{{ model }}_sum, 0))
            as {{ model }}_rest,
        {%- endfor %}
        channel_sums.*
    from channel_sums
),

channel_credits as (
    select
        {%- for model in fitted %}
        {{ largest_remainder(
            'channel_quotas.' ~ model ~ '_floor', 'channel_quotas.' ~ model ~ '_rest', 1000000,
            conversion, 'channel_quotas.first_touch_number'
        ) }} as {{ model }}_credit,
        {%- endfor %}
        channel_quotas.conversion_hk,
        channel_quotas.event_date,
        channel_quotas.channel,
        channel_quotas.touch_count
    from channel_quotas
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
            case
                when quotas.touch_number = quotas.last_touch_number then 1000000
                else 0
            end as bigint
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
        {%- for model in fitted %}
        {{ divide_truncated(
            'channel_credits.' ~ model ~ '_credit', 'channel_credits.touch_count'
        ) }}
        + case
            when
                quotas.channel_touch_number
                <= mod(channel_credits.{{ model }}_credit, nullif(channel_credits.touch_count, 0))
                then 1
            else 0
        end as {{ model }}_credit,
        {%- endfor %}
        {{ largest_remainder(
            'quotas.decay_floor', 'quotas.decay_rest', 1000000,
            'quotas.conversion_hk, quotas.event_date', 'quotas.touch_number'
        ) }} as time_decay_credit
    from quotas
    inner join channel_credits
        on
            quotas.conversion_hk = channel_credits.conversion_hk
            and quotas.event_date = channel_credits.event_date
            and quotas.channel = channel_credits.channel
),

{# value x credit / 1,000,000 without a product beyond 64 bits: whole units, and what is left. #}
value_quotas as (
    select
        {%- for model in models %}
        {{ divide_truncated('credits.conversion_value_micros', 1000000) }}
        * credits.{{ model }}_credit
        + {{ divide_truncated(
            'mod(credits.conversion_value_micros, 1000000) * credits.' ~ model ~ '_credit', 1000000
        ) }} as {{ model }}_floor,
        mod(mod(credits.conversion_value_micros, 1000000) * credits.{{ model }}_credit, 1000000)
            as {{ model }}_rest,
        {%- endfor %}
        credits.*
    from credits
),

valued as (
    select
        {%- for model in models %}
        value_quotas.{{ model }}_credit,
        {%- endfor %}
        {%- for model in models %}
        {{ largest_remainder(
            'value_quotas.' ~ model ~ '_floor', 'value_quotas.' ~ model ~ '_rest',
            'value_quotas.conversion_value_micros',
            'value_quotas.conversion_hk, value_quotas.event_date', 'value_quotas.touch_number'
        ) }} as {{ model }}_value_micros,
        {%- endfor %}
        value_quotas.attribution_touch_hk,
        value_quotas.conversion_hk,
        value_quotas.event_date,
        value_quotas.touch_number
    from value_quotas
)

select * from valued
