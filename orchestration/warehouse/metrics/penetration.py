"""Market penetration: how much of the addressable audience was reached."""

from orchestration.warehouse.metrics.family import Family, Measures, Number, rate

_DIMENSIONS = {
    "event_date": "event_date",
    "country": "country_code",
    "region": "region",
    "age_band": "age_band",
    "gender": "gender",
    "device_type": "device_type",
}
_GRAINS = {
    "total": "",
    "country": "country",
    "region": "country,region",
    "age_band": "age_band",
    "gender": "gender",
    "device_type": "device_type",
}
"""What a breakdown's rows are told apart by."""


def _share(measures: Measures, grain: str) -> dict[str, Number | None]:
    reached, audience = measures["reached"], measures["audience"]
    metrics = {
        "reached_audience": reached,
        "market_penetration": rate(reached, audience),
    }
    # The audience of all time, and of a date in total, have families of their own.
    if grain.startswith("event_date,"):
        metrics["addressable_audience"] = audience
    return metrics


_MEASURES = {"reached": "sum(reach_count)", "audience": "sum(addressable_count)"}


def _rows(report: str, breakdown: str) -> str:
    return f"(select * from analytics.{report} where breakdown = '{breakdown}') as penetration"


DAILY = tuple(
    Family(
        relation=_rows("rpt_market_penetration_daily", breakdown),
        measures=_MEASURES,
        dimensions=_DIMENSIONS,
        grains=(f"event_date,{grain}" if grain else "event_date",),
        compute=_share,
    )
    for breakdown, grain in _GRAINS.items()
)

LIFETIME = tuple(
    Family(
        relation=_rows("rpt_market_penetration_lifetime", breakdown),
        measures={**_MEASURES, "error": "max(relative_error)"},
        dimensions=_DIMENSIONS,
        grains=(grain or "total",),
        compute=_share,
        error="error",
    )
    for breakdown, grain in _GRAINS.items()
)

FAMILIES = (*DAILY, *LIFETIME)
