{#
    What a channel is worth in the conversions of a month, by the data: exact, fitted anew for every
    month that changes, and stored.

    - markov: the removal effect in a Markov chain of order 1, in millionths: by how much fewer paths
      convert when whoever comes to the channel is lost. The chance to convert follows by taking the
      channels out of the chain one after the other, with what flows through each handed on to where it
      flows next; counts are numbers, not shares, so nothing is subtracted and no step can cancel
      (Grassmann, Taksar and Heyman 1985). Doubles live within this statement and are rounded at once.
    - shapley: the Shapley value where a set of channels is worth the conversions whose channels all
      lie in it. Such a game is a sum of unanimity games, so a conversion is shared evenly by its
      channels: in sixtieths, since there are at most six.

    The shares of two halves of the paths stand beside it: where they differ much, the month has too
    few paths to tell.
#}
{{ config(
    materialized='incremental',
    partition_by={'field': 'month_start_date', 'data_type': 'date'},
    meta={'date_effects': attribution_effects(widen_to='month')}
) }}

{% set channels = attribution_channels() %}
{% set states = ['start'] + channels %}
{% set ends = ['conversion', 'null'] %}
{% set names = {'start': '(start)', 'conversion': '(conversion)', 'null': '(null)'} %}

with transitions as (
    select * from {{ ref('bv_channel_transitions') }}
    where {{ affected_dates('month_start_date') }}
),

sets as (
    select * from {{ ref('bv_channel_sets') }}
    where {{ affected_dates('month_start_date') }}
),

samples as (
    select
        'all' as sample,
        0 as half
    union all
    select
        'all' as sample,
        1 as half
    union all
    select
        'half_a' as sample,
        0 as half
    union all
    select
        'half_b' as sample,
        1 as half
),

channels as (
    {%- for channel in channels %}
    select '{{ channel }}' as channel
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

flows as (
    select
        {%- for state in states %}
        {%- for target in channels + ends %}
        cast(sum(
            case
                when
                    transitions.from_channel = '{{ names.get(state, state) }}'
                    and transitions.to_channel = '{{ names.get(target, target) }}'
                    then transitions.transition_count
                else 0
            end
        ) as bigint) as {{ state }}_{{ target }},
        {%- endfor %}
        {%- endfor %}
        transitions.month_start_date,
        samples.sample
    from transitions
    inner join samples on transitions.half = samples.half
    group by transitions.month_start_date, samples.sample
),

removals as (
    select '(none)' as removed
    union all
    select channel as removed
    from channels
),

chains as (
    select
        {%- for state in states %}
        {%- for channel in channels %}
        case when removals.removed = '{{ channel }}' then 0 else flows.{{ state }}_{{ channel }} end
            as {{ state }}_{{ channel }},
        {%- endfor %}
        flows.{{ state }}_conversion,
        flows.{{ state }}_null
        + case removals.removed
            {%- for channel in channels %}
            when '{{ channel }}' then flows.{{ state }}_{{ channel }}
            {%- endfor %}
            else 0
        end as {{ state }}_null,
        {%- endfor %}
        flows.month_start_date,
        flows.sample,
        removals.removed
    from flows
    cross join removals
),

{#- One channel after the other is taken out: what came to it goes on to where it leads. #}
{%- for gone in channels %}
{%- set before = 'chains' if loop.first else 'without_' ~ channels[loop.index0 - 1] %}
{%- set left = channels[loop.index:] %}

through_{{ gone }} as (
    select
        {%- for state in ['start'] + left %}
        {{ before }}.{{ state }}_{{ gone }} / nullif(
            {{ before }}.{{ gone }}_conversion + {{ before }}.{{ gone }}_null
            {%- for target in left %}
            + {{ before }}.{{ gone }}_{{ target }}
            {%- endfor %},
            0
        ) as {{ state }}_through,
        {%- endfor %}
        {{ before }}.*
    from {{ before }}
),

without_{{ gone }} as (
    select
        {%- for state in ['start'] + left %}
        {%- for target in left + ends %}
        {{ state }}_{{ target }} + coalesce({{ state }}_through, 0) * {{ gone }}_{{ target }}
            as {{ state }}_{{ target }},
        {%- endfor %}
        {%- endfor %}
        month_start_date,
        sample,
        removed
    from through_{{ gone }}
),
{%- endfor %}
{%- set last = 'without_' ~ channels[-1] %}

chances as (
    select
        month_start_date,
        sample,
        removed,
        start_conversion / nullif(start_conversion + start_null, 0) as chance
    from {{ last }}
),

removal_effects as (
    select
        removed.month_start_date,
        removed.sample,
        'markov' as attribution_model,
        removed.removed as channel,
        cast(round(coalesce(
            1000000 * (1 - removed.chance / nullif(whole.chance, 0)), 0
        )) as bigint) as weight
    from chances as removed
    inner join chances as whole
        on
            removed.month_start_date = whole.month_start_date
            and removed.sample = whole.sample
            and whole.removed = '(none)'
    where removed.removed <> '(none)'
),

shapley_values as (
    select
        sets.month_start_date,
        samples.sample,
        'shapley' as attribution_model,
        channels.channel,
        cast(sum(
            case channels.channel
                {%- for channel in channels %}
                when '{{ channel }}' then sets.has_{{ channel }}
                {%- endfor %}
            end * sets.conversion_count * {{ divide_truncated(
                60, 'sets.has_' ~ channels | join(' + sets.has_')
            ) }}
        ) as bigint) as weight
    from sets
    inner join samples on sets.half = samples.half
    cross join channels
    group by sets.month_start_date, samples.sample, channels.channel
),

weights as (
    select * from removal_effects
    union all
    select * from shapley_values
),

by_sample as (
    select
        {%- for sample in ['all', 'half_a', 'half_b'] %}
        cast(sum(case when sample = '{{ sample }}' then weight else 0 end) as bigint)
            as {{ sample }}_weight,
        {%- endfor %}
        month_start_date,
        attribution_model,
        channel
    from weights
    group by month_start_date, attribution_model, channel
),

path_counts as (
    select
        month_start_date,
        cast(sum(case when to_channel = '(conversion)' then transition_count else 0 end) as bigint)
            as converting_path_count,
        cast(sum(case when to_channel = '(null)' then transition_count else 0 end) as bigint)
            as null_path_count
    from transitions
    group by month_start_date
),

fitted as (
    select
        {{ hash_key([
            'by_sample.month_start_date:date', 'by_sample.attribution_model', 'by_sample.channel'
        ]) }} as channel_weight_hk,
        by_sample.month_start_date,
        by_sample.attribution_model,
        by_sample.channel,
        by_sample.all_weight as weight,
        {%- for sample, name in [('all', ''), ('half_a', 'half_a_'), ('half_b', 'half_b_')] %}
        {{ rate(
            'by_sample.' ~ sample ~ '_weight',
            'sum(by_sample.' ~ sample ~ '_weight) over ('
            ~ 'partition by by_sample.month_start_date, by_sample.attribution_model)'
        ) }} as {{ name }}share_rate,
        {%- endfor %}
        path_counts.converting_path_count,
        path_counts.null_path_count
    from by_sample
    inner join path_counts on by_sample.month_start_date = path_counts.month_start_date
)

select * from fitted
