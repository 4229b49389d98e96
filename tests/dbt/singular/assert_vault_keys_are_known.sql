-- Every hub that a link joins is there, and so is every hub or link that a satellite describes. One
-- test for all of them: the tables are small, and a test costs more than its query.
{%- set links = {
    'link_campaign_advertiser': ['campaign', 'advertiser'],
    'link_line_item_campaign': ['line_item', 'campaign'],
    'link_creative_advertiser': ['creative', 'advertiser'],
    'link_line_item_creative': ['line_item', 'creative'],
    'link_site_publisher': ['site', 'publisher'],
    'link_placement_site': ['placement', 'site'],
    'link_user_account': ['user', 'account'],
    'link_credit_note_line_item': ['credit_note', 'line_item'],
    'link_third_party_report_line_item': ['third_party_report', 'line_item'],
    'link_funding_round_organization': ['funding_round', 'organization'],
    'link_person_organization': ['person', 'organization'],
} %}
{%- set children = [] %}
{%- for link, entities in links.items() %}
{%- for entity in entities %}
{%- do children.append([link, entity ~ '_hk', 'hub_' ~ entity]) %}
{%- endfor %}
{%- endfor %}
{%- for entity in [
    'advertiser', 'campaign', 'line_item', 'creative', 'publisher', 'site', 'placement', 'user',
    'third_party_report', 'credit_note',
] %}
{%- do children.append(['sat_' ~ entity ~ '__campaigns', entity ~ '_hk', 'hub_' ~ entity]) %}
{%- endfor %}
{%- for entity in [
    'advertiser', 'campaign', 'line_item', 'creative', 'publisher', 'site', 'placement', 'user',
] %}
{%- do children.append(['rtsat_' ~ entity ~ '__campaigns', entity ~ '_hk', 'hub_' ~ entity]) %}
{%- endfor %}
{%- for satellite in ['sat_line_item_creative', 'esat_line_item_creative'] %}
{%- do children.append(
    [satellite ~ '__campaigns', 'line_item_creative_hk', 'link_line_item_creative']) %}
{%- endfor %}
{%- for entity in ['user', 'account'] %}
{%- do children.append(['masat_user__campaigns', entity ~ '_hk', 'hub_' ~ entity]) %}
{%- endfor %}
{%- for link in ['line_item_campaign', 'campaign_advertiser'] %}
{%- do children.append(['esat_' ~ link ~ '__campaigns', link ~ '_hk', 'link_' ~ link]) %}
{%- endfor %}
{%- for entity in ['organization', 'funding_round', 'acquisition', 'person'] %}
{%- do children.append(['sat_' ~ entity ~ '__crunchbase', entity ~ '_hk', 'hub_' ~ entity]) %}
{%- endfor %}
{%- set acquisitions = 'link_acquisition_organizations' %}
{%- do children.append([acquisitions, 'acquisition_hk', 'hub_acquisition']) %}
{%- do children.append([acquisitions, 'acquirer_hk', 'hub_organization']) %}
{%- do children.append([acquisitions, 'acquiree_hk', 'hub_organization']) %}
{%- do children.append(['sat_fx_rate__fx', 'fx_rate_hk', 'hub_fx_rate']) %}
{%- do children.append(['sat_product__user_events', 'product_hk', 'hub_product']) %}

{%- for child, key, parent in children %}
{%- set parent_key = 'organization_hk' if key in ['acquirer_hk', 'acquiree_hk'] else key %}
{{ 'union all' if not loop.first }}
select
    '{{ child }}' as child,
    '{{ parent }}' as parent,
    count(*) as unknown_keys
from {{ ref(child) }} as child_rows
where
    child_rows.{{ key }} is not null
    and child_rows.{{ key }} not in (
        select parent_rows.{{ parent_key }} from {{ ref(parent) }} as parent_rows
    )
having count(*) > 0
{%- endfor %}
