{#
    A chain of links from one hub to others, such as line item -> campaign -> advertiser: a row for
    each stretch of time in which the whole chain held, `valid_from` (included) to `valid_to`
    (excluded). With `as_of`: a row for each chain and moment instead.

    hub: the relation where the chain begins; hash_key: its key.
    walk: the steps, each {link, link_key, to, from, effectivity, effective_from, is_active, load_order}:
        link         relation of the link; link_key its key, or {name: column}
        to           column of the hub that it leads to, or {name: column}
        from         its column of the hub that the chain has reached; by default called as there
        effectivity  relation with the times that the link held at, as an effectivity satellite gives
                     them; without it, the link holds always
        effective_from, is_active   its columns, where they are called otherwise
    as_of, as_of_column: a relation or CTE of moments (timestamps, or dates: their start) and the column.
    load_order: of rows from one time, the last counts.

    Everything is computed anew from the rows of the vault: for a table or view, not for an incremental
    model.
#}
{% macro bridge(
    hub, hash_key, walk, as_of=none, as_of_column='as_of', effective_from='effective_from',
    is_active='is_active', load_order=none
) -%}
    {%- do _require_arguments('bridge', {'hub': hub, 'hash_key': hash_key, 'walk': walk}) -%}
    {%- set steps = [] -%}
    {%- set reached = [hash_key] -%}
    {%- for step in ([walk] if walk is mapping else walk) -%}
        {%- for name in ('link', 'link_key', 'to') if not step.get(name) -%}
            {{ _argument_error("bridge needs '" ~ name ~ "' of each step of the walk") }}
        {%- endfor -%}
        {%- set known = ['link', 'link_key', 'to', 'from', 'effectivity', 'effective_from',
            'is_active', 'load_order'] -%}
        {%- for name in step if name not in known -%}
            {{ _argument_error("bridge knows no '" ~ name ~ "' of a step") }}
        {%- endfor -%}
        {%- set link_name, link_key = _named_columns(step['link_key'])[0] -%}
        {%- set to_name, to_key = _named_columns(step['to'])[0] -%}
        {%- do steps.append({
            'link': step['link'],
            'link_name': link_name,
            'link_key': link_key,
            'to_name': to_name,
            'to_key': to_key,
            'reached': reached[-1],
            'from_key': step.get('from', reached[-1]),
            'effectivity': step.get('effectivity'),
            'effective_from': step.get('effective_from', effective_from),
            'is_active': step.get('is_active', is_active),
            'load_order': step.get('load_order') or load_order or _default_load_order(),
        }) -%}
        {%- do reached.append(to_name) -%}
    {%- endfor -%}
    {{ adapter.dispatch('bridge')(hub, hash_key, steps, as_of, as_of_column) }}
{%- endmacro %}

{% macro default__bridge(hub, hash_key, steps, as_of, as_of_column) %}
{%- set names = [hash_key] %}
with chain_0 as (
    select
        {{ hash_key }},
        {{ _first_moment() }} as valid_from,
        {{ _last_moment() }} as valid_to
    from {{ hub }}
),
{% for step in steps %}
{%- set relation = 'relation_' ~ loop.index %}
{%- set chain = 'chain_' ~ loop.index0 %}
{%- if step['effectivity'] %}
{{ relation }}_moments as (
    {{ _last_of_each_time(
        step['effectivity'], step['link_key'], step['effective_from'], step['load_order'],
        step['link_key'] ~ ' is not null') }}
),

{#- Confirmations apart, so that a stretch is as long as it can be. #}
{{ relation }}_changes as (
    select *
    from {{ relation }}_moments
    qualify lag({{ step['is_active'] }}) over (
        partition by {{ step['link_key'] }} order by {{ step['effective_from'] }}
    ) is distinct from {{ step['is_active'] }}
),

{{ relation }}_stretches as (
    select
        {{ step['link_key'] }},
        {{ step['is_active'] }} as is_active,
        {{ step['effective_from'] }} as valid_from,
        coalesce(
            lead({{ step['effective_from'] }}) over (
                partition by {{ step['link_key'] }} order by {{ step['effective_from'] }}
            ),
            {{ _last_moment() }}
        ) as valid_to
    from {{ relation }}_changes
),
{% endif %}
{{ relation }} as (
    select
        link.{{ step['from_key'] }} as from_key,
        link.{{ step['to_key'] }} as to_key,
        link.{{ step['link_key'] }} as link_key,
        {%- if step['effectivity'] %}
        stretches.valid_from,
        stretches.valid_to
        {%- else %}
        {{ _first_moment() }} as valid_from,
        {{ _last_moment() }} as valid_to
        {%- endif %}
    from {{ step['link'] }} as link
    {%- if step['effectivity'] %}
    inner join {{ relation }}_stretches as stretches
        on link.{{ step['link_key'] }} = stretches.{{ step['link_key'] }}
    where stretches.is_active
    {%- endif %}
),

chain_{{ loop.index }} as (
    select
        {%- for name in names %}
        {{ chain }}.{{ name }},
        {%- endfor %}
        {{ relation }}.link_key as {{ step['link_name'] }},
        {{ relation }}.to_key as {{ step['to_name'] }},
        greatest({{ chain }}.valid_from, {{ relation }}.valid_from) as valid_from,
        least({{ chain }}.valid_to, {{ relation }}.valid_to) as valid_to
    from {{ chain }}
    inner join {{ relation }}
        on
            {{ chain }}.{{ step['reached'] }} = {{ relation }}.from_key
            and {{ chain }}.valid_from < {{ relation }}.valid_to
            and {{ chain }}.valid_to > {{ relation }}.valid_from
),
{%- do names.extend([step['link_name'], step['to_name']]) %}
{% endfor %}
chains as (
    select * from chain_{{ steps | length }}
)

{{ _as_of_each_moment('chains', names, as_of, as_of_column) }}
{% endmacro %}
