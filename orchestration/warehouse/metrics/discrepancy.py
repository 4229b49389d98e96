"""Ours against what third parties reported."""

from orchestration.warehouse.metrics.family import Family

_REPORT = "finance.rpt_third_party_discrepancy_daily"
_DIMENSIONS = {
    name: name
    for name in (
        "report_date",
        "line_item_id",
        "reporter",
        "impression_status",
        "click_status",
        "spend_status",
        "discrepancy_status",
    )
}

COMPARED = Family(
    relation=_REPORT,
    measures={
        "compared_impressions": "sum(impression_count)",
        "third_party_impressions": "sum(third_party_impression_count)",
        "compared_clicks": "sum(click_count)",
        "third_party_clicks": "sum(third_party_click_count)",
        "compared_spend_base": "sum(spend_base_amount)",
        "third_party_spend_base": "sum(third_party_spend_base_amount)",
    },
    dimensions=_DIMENSIONS,
    grains=("line_item_id,report_date,reporter", "report_date,reporter", "reporter"),
)

RATES = Family(
    relation=_REPORT,
    measures={
        "impression_discrepancy_rate": "max(impression_discrepancy_rate)",
        "click_discrepancy_rate": "max(click_discrepancy_rate)",
        "spend_discrepancy_rate": "max(spend_discrepancy_rate)",
    },
    dimensions=_DIMENSIONS,
    grains=("line_item_id,report_date,reporter",),
)

STATUSES = Family(
    relation=_REPORT,
    measures={"discrepancy_rows": "count(*)"},
    dimensions=_DIMENSIONS,
    grains=(
        "line_item_id,report_date,discrepancy_status",
        "report_date,discrepancy_status",
        "discrepancy_status",
        "impression_status",
        "click_status",
        "spend_status",
    ),
)

FAMILIES = (COMPARED, RATES, STATUSES)
