"""Media cost, billing and margin, native and in the base currency."""

from fractions import Fraction

from orchestration.warehouse.metrics.family import Family, Measures, Number, rate

_BILLING = "finance.fct_line_item_billing_daily"
_OWNERS = {name: name for name in ("line_item_id", "campaign_id", "advertiser_id")}

NATIVE_MONEY = Family(
    relation=_BILLING,
    measures={
        "media_cost": "sum(media_cost_amount)",
        "gross_billed": "sum(gross_billed_amount)",
    },
    dimensions={**_OWNERS, "advertiser_date": "advertiser_date", "currency": "currency_code"},
    grains=(
        "line_item_id,advertiser_date,currency",
        "line_item_id,currency",
        "campaign_id,currency",
        "advertiser_id,currency",
        "advertiser_date,currency",
        "currency",
    ),
)

BASE_MONEY = Family(
    relation=_BILLING,
    measures={
        "media_cost_base": "sum(media_cost_base_amount)",
        "gross_billed_base": "sum(gross_billed_base_amount)",
        "gross_cpm_billed_base": "sum(gross_cpm_billed_base_amount)",
        "gross_cpc_billed_base": "sum(gross_cpc_billed_base_amount)",
        "gross_margin_base": "sum(gross_margin_base_amount)",
    },
    dimensions={**_OWNERS, "advertiser_date": "advertiser_date"},
    grains=(
        "line_item_id,advertiser_date",
        "line_item_id",
        "campaign_id",
        "advertiser_id",
        "advertiser_date",
        "total",
    ),
)


def _ecpm(measures: Measures, _grain: str) -> dict[str, Number | None]:
    billed = Fraction(measures["billed"] or 0) * 1000
    return {"gross_ecpm": rate(billed, measures["impressions"])}


ECPM = Family(
    relation=_BILLING,
    measures={
        "billed": "sum(gross_billed_base_amount)",
        "impressions": "sum(gross_impression_count)",
    },
    dimensions=_OWNERS,
    grains=("line_item_id", "campaign_id", "advertiser_id", "total"),
    compute=_ecpm,
)

FAMILIES = (NATIVE_MONEY, BASE_MONEY, ECPM)
