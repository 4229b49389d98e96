"""Which scans may read all partitions of a table, each with its reason."""

from fnmatch import fnmatch

WHOLE_SCANS: tuple[tuple[str, str, str], ...] = (
    (
        "model.*.bv_audience_members",
        "bv_audience_members",
        "anti-join over the whole key: one hash a person and audience",
    ),
    (
        "test.*.assert_event_keys_are_unique",
        "*",
        "once a day, the proof over all dates that no event counts twice: keys and dates",
    ),
    (
        "test.*.assert_id_conflicts_are_listed",
        "bv_id_conflicts",
        "once a day, a row per conflict, not per event",
    ),
    (
        "test.*.assert_billing_equals_facts",
        "fct_*",
        "what is billed adds up over all dates: dates and amounts of impressions and clicks",
    ),
    (
        "test.*.assert_billing_equals_facts",
        "bv_bought_impressions",
        "what was paid adds up over all dates: dates and amounts",
    ),
    (
        "model.*.rpt_reach_lifetime",
        "fct_reach_sketches_monthly",
        "reach of all time: at most reach_sketch_size rows a month and value, not a row per event",
    ),
    (
        "model.*.rpt_market_penetration_lifetime",
        "fct_penetration_sketches_monthly",
        "reach of all time: at most reach_sketch_size rows a month and value, not a row per event",
    ),
    (
        "model.*.rpt_creative_lift",
        "rpt_creative_performance_daily",
        "experiments of all time: a row per day, creative and arm, not per event",
    ),
    (
        "test.*",
        "fct_*_sketches_monthly",
        "a sketch has at most reach_sketch_size rows a month and value, not a row per event",
    ),
    (
        "test.*",
        "rpt_*_daily",
        "a report has a row per day and campaign or line item, not per event",
    ),
    (
        "test.*",
        "fct_*_billing_daily",
        "a row per day and line item, not per event",
    ),
    (
        "model.*.fct_billing_*",
        "fct_*_billing_daily",
        "any closed month may be restated: a row per day and line item, not per event",
    ),
    (
        "model.*.rpt_fx_exposure_monthly",
        "fct_*_billing_daily",
        "every month is revalued by the newest rate: a row per day and line item, not per event",
    ),
    (
        "test.*",
        "rpt_*_monthly",
        "a row per month and channel, or path of channels, not per event",
    ),
    (
        "test.*",
        "bv_channel_transitions",
        "a row per month and pair of channels, not per event",
    ),
    (
        "test.*",
        "bv_channel_sets",
        "a row per month and set of channels, not per event",
    ),
    (
        "test.*",
        "bv_attribution_channel_weights",
        "twelve rows per month",
    ),
)
"""dbt's unique id, table, reason; ids and tables are patterns of the shell."""


def reason_for(unique_id: str, table: str) -> str | None:
    """Why this node may read all of that table, if it may."""
    for nodes, tables, reason in WHOLE_SCANS:
        if fnmatch(unique_id, nodes) and fnmatch(table, tables):
            return reason
    return None
