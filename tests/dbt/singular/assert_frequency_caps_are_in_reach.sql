-- No line item's cap looks back further than its impressions are looked for.
select
    line_item_id,
    frequency_cap_hours
from {{ ref('dim_line_items') }}
where frequency_cap_hours > {{ var('max_frequency_cap_hours') }}
