"""Media cost, billing and margin, native and in the base currency."""

from collections.abc import Mapping
from fractions import Fraction

from orchestration.warehouse.metrics.family import Family, Measures, Number, rate

_BILLING = "finance.fct_line_item_billing_daily"
_MARGIN = "finance.rpt_line_item_margin_daily"
_CREDITS = "finance.fct_credit_notes"
_DIMENSIONS = {
    name: name for name in ("line_item_id", "campaign_id", "advertiser_id", "advertiser_date")
}
_NATIVE = {**_DIMENSIONS, "currency": "currency_code"}
_NATIVE_GRAINS = (
    "line_item_id,advertiser_date,currency",
    "line_item_id,currency",
    "campaign_id,currency",
    "advertiser_id,currency",
    "advertiser_date,currency",
    "currency",
)
_BASE_GRAINS = (
    "line_item_id,advertiser_date",
    "line_item_id",
    "campaign_id",
    "advertiser_id",
    "advertiser_date",
    "total",
)

NATIVE_MONEY = Family(
    relation=_BILLING,
    measures={
        "media_cost": "sum(media_cost_amount)",
        "billed": "sum(billed_amount)",
    },
    dimensions=_NATIVE,
    grains=_NATIVE_GRAINS,
)

BASE_MONEY = Family(
    relation=_BILLING,
    measures={
        "media_cost_base": "sum(media_cost_base_amount)",
        "cpm_billed_base": "sum(cpm_billed_base_amount)",
        "cpc_billed_base": "sum(cpc_billed_base_amount)",
        "cpa_billed_base": "sum(cpa_billed_base_amount)",
        "billed_base": "sum(billed_base_amount)",
        "margin_base": "sum(margin_base_amount)",
    },
    dimensions=_DIMENSIONS,
    grains=_BASE_GRAINS,
)

CREDIT_NOTES = Family(
    relation=_CREDITS,
    measures={"credit_notes": "sum(credit_amount)"},
    dimensions=_NATIVE,
    grains=_NATIVE_GRAINS,
)

BASE_CREDIT_NOTES = Family(
    relation=_CREDITS,
    measures={"credit_notes_base": "sum(credit_base_amount)"},
    dimensions=_DIMENSIONS,
    grains=_BASE_GRAINS,
)

# The report has a row for a line item's day: its own rates are compared, not sums of them.
DAILY_RATES = Family(
    relation=_MARGIN,
    measures={
        "margin_rate": "sum(margin_rate)",
        "ecpm": "sum(ecpm_base_amount)",
        "ecpc": "sum(ecpc_base_amount)",
        "cpa": "sum(cpa_base_amount)",
        "roas": "sum(roas_rate)",
    },
    dimensions=_DIMENSIONS,
    grains=_BASE_GRAINS[:1],
)


def _rates(measures: Measures, _grain: str) -> Mapping[str, Number | None]:
    billed = measures["billed"]
    return {
        "margin_rate": rate(measures["margin"], billed),
        "ecpm": rate(Fraction(billed or 0) * 1000, measures["impressions"]),
        "ecpc": rate(billed, measures["clicks"]),
        "cpa": rate(billed, measures["conversions"]),
        "roas": rate(measures["value"], billed),
    }


RATES = Family(
    relation=_MARGIN,
    measures={
        "billed": "sum(billed_base_amount)",
        "margin": "sum(margin_base_amount)",
        "impressions": "sum(net_impression_count)",
        "clicks": "sum(net_click_count)",
        "conversions": "sum(attributed_conversion_count)",
        "value": "sum(attributed_value_base_amount)",
    },
    dimensions=_DIMENSIONS,
    grains=_BASE_GRAINS[1:],
    compute=_rates,
)

FAMILIES = (
    NATIVE_MONEY,
    BASE_MONEY,
    CREDIT_NOTES,
    BASE_CREDIT_NOTES,
    DAILY_RATES,
    RATES,
)
