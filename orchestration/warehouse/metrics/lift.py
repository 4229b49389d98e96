"""What the arms of creative experiments gain over their controls, and how certain that is."""

from orchestration.warehouse.metrics.family import Family

GAINS = Family(
    relation="analytics.rpt_creative_lift",
    measures={
        "ctr_difference": "sum(ctr_difference)",
        "ctr_lift": "sum(ctr_lift_rate)",
        "ctr_difference_low": "sum(difference_low)",
        "ctr_difference_high": "sum(difference_high)",
        "significant_lifts": "sum(case when is_significant then 1 else 0 end)",
    },
    dimensions={name: name for name in ("line_item_id", "creative_id", "experiment_arm")},
    grains=("line_item_id,creative_id,experiment_arm",),
)
"""A row is a group of its own; nothing here adds up."""

FAMILIES = (GAINS,)
