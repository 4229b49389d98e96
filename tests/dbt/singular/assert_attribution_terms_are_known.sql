-- A line item whose windows are wider than what a build reads (the variables), or whose model is none:
-- its conversions would be attributed otherwise than it says.
select
    line_item_id,
    as_of_from,
    attribution_model,
    view_window_hours,
    click_window_days
from {{ ref('bv_line_item_versions') }}
where
    view_window_hours > {{ var('max_view_window_hours') }}
    or click_window_days > {{ var('max_click_window_days') }}
    or attribution_model not in ('{{ (attribution_models() + ["markov", "shapley"]) | join("', '") }}')
