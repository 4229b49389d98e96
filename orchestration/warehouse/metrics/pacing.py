"""Where line items stand against their plans."""

from orchestration.warehouse.metrics.family import Family

_REPORT = "finance.rpt_pacing_daily"
_DIMENSIONS = {name: name for name in ("line_item_id", "advertiser_date", "pacing_state")}

PACING = Family(
    relation=_REPORT,
    measures={
        "pacing_budget": "sum(budget_amount)",
        "pacing_elapsed": "max(elapsed_rate)",
        "pacing_planned": "sum(planned_amount)",
        "pacing_delivered": "sum(delivered_amount)",
        "pacing_index": "max(pacing_index)",
        "pacing_forecast": "max(forecast_amount)",
        "pacing_needed": "max(daily_budget_needed_amount)",
    },
    dimensions=_DIMENSIONS,
    grains=("line_item_id,advertiser_date",),
)

STATES = Family(
    relation=_REPORT,
    measures={"pacing_rows": "count(*)"},
    dimensions=_DIMENSIONS,
    grains=("line_item_id,advertiser_date,pacing_state", "advertiser_date,pacing_state"),
)

FAMILIES = (PACING, STATES)
