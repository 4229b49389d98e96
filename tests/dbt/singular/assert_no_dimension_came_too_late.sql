-- Events before the earliest version of a line item, campaign or advertiser take the earliest. If
-- this build brought a new earliest version, what stands on earlier dates by what it says must have
-- been rebuilt with it; what lies further back than late_dimension_days needs a full refresh. What
-- the campaign report has of a line item, billing has, too; the bids that bought nothing, only the
-- funnel.
{%- set readers = [
    ('fct_delivery_billing_daily', 'advertiser_date', ['line_item', 'campaign', 'advertiser']),
    ('fct_conversion_billing_daily', 'advertiser_date', ['line_item', 'campaign', 'advertiser']),
    ('rpt_auction_funnel_daily', 'event_date', ['line_item', 'campaign']),
] %}
{%- set effects = {} %}
{%- if execute %}
{%- for node in graph.nodes.values() if node.resource_type == 'model' %}
{%- do effects.update({node.name: node.config.meta.get('date_effects', [])}) %}
{%- endfor %}
{%- endif %}

{%- for reader, date_column, entities in readers %}
{{ 'union all' if not loop.first }}
{%- for entity in entities %}
{{ 'union all' if not loop.first }}
select
    '{{ reader }}' as reader,
    '{{ entity }}' as dimension,
    facts.{{ entity }}_id as member_id,
    min(facts.{{ date_column }}) as first_stale_date,
    max(facts.{{ date_column }}) as last_stale_date
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
inner join {{ ref(reader) }} as facts
    on {{ hash_to_text('earliest.' ~ entity ~ '_hk') }} = facts.{{ entity }}_key
where
    {{ new_in_increment('earliest.load_pin') }}
    and facts.{{ date_column }} < cast(earliest.effective_from as date)
    and not {{ _dates_predicate('facts.' ~ date_column, effects.get(reader, []), 0, 0) }}
group by facts.{{ entity }}_id
{%- endfor %}
{%- endfor %}
