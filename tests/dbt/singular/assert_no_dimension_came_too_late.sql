-- Events before the earliest version of a line item, campaign or advertiser take the earliest. If
-- this build brought a new earliest version, the billing of earlier dates must have been rebuilt
-- with it; what lies further back than late_dimension_days needs a full refresh.
{%- set effects = [] %}
{%- if execute %}
    {%- for node in graph.nodes.values()
        if node.name == 'fct_line_item_billing_daily' and node.resource_type == 'model' %}
        {%- do effects.extend(node.config.meta['date_effects']) %}
    {%- endfor %}
{%- endif %}

{%- for entity in ['line_item', 'campaign', 'advertiser'] %}
{{ 'union all' if not loop.first }}
select
    '{{ entity }}' as dimension,
    billing.{{ entity }}_id as member_id,
    min(billing.advertiser_date) as first_stale_date,
    max(billing.advertiser_date) as last_stale_date
from (
    select
        {{ entity }}_hk,
        effective_from,
        load_pin
    from {{ ref('sat_' ~ entity ~ '__campaigns') }}
    qualify row_number() over (
        partition by {{ entity }}_hk
        order by effective_from, load_pin, source_rank, ingest_seq, position_major, position_minor
    ) = 1
) as earliest
inner join {{ ref('fct_line_item_billing_daily') }} as billing
    on {{ hash_to_text('earliest.' ~ entity ~ '_hk') }} = billing.{{ entity }}_key
where
    {{ new_in_increment('earliest.load_pin') }}
    and billing.advertiser_date < cast(earliest.effective_from as date)
    and not {{ _dates_predicate('billing.advertiser_date', effects, 0, 0) }}
group by billing.{{ entity }}_id
{%- endfor %}
