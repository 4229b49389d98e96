-- A line item whose windows are wider than what a build reads (the variables), or whose model is
-- none, would be attributed otherwise than it says; a channel that data-driven attribution is not
-- compiled for would get nothing.
{%- set models = "'" ~ attribution_models() | join("', '") ~ "'" %}
{%- set channels = "'" ~ attribution_channels() | join("', '") ~ "'" %}

select
    'terms' as problem,
    line_item_id as found_at
from {{ ref('bv_line_item_versions') }}
where
    view_window_hours > {{ var('max_view_window_hours') }}
    or click_window_days > {{ var('max_click_window_days') }}
    or attribution_model not in ({{ models }})
union all
select
    'channel' as problem,
    channel as found_at
from {{ ref('dim_channels') }}
where channel not in ({{ channels }})
