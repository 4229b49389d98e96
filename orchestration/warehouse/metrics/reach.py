"""Reach and frequency of ids, and whether frequency caps held."""

from collections.abc import Callable, Iterable, Mapping

from orchestration.warehouse.metrics.family import Family, Measures, Number, as_measured, rate

_DIMENSIONS = {
    "advertiser_id": "advertiser",
    "campaign_id": "campaign",
    "line_item_id": "line_item",
    "creative_id": "creative",
    "site_id": "site",
    "channel": "channel",
    "country": "country",
    "device_type": "device_type",
}


_VALUES = {
    name: f"case when breakdown = '{breakdown}' then breakdown_value end"
    for name, breakdown in _DIMENSIONS.items()
}
"""A breakdown's value as a dimension of its name; rows of other breakdowns have none."""


def _periods(
    relation: str,
    measures: Mapping[str, str],
    *,
    period: tuple[str, str],
    values: Iterable[str],
    others: Mapping[str, str] | None = None,
    compute: Callable[[Measures, str], Mapping[str, Number | None]] = as_measured,
) -> tuple[Family, Family]:
    """By period, of all; and by period and value of a breakdown.

    Args:
        relation: Has the columns of the period, `breakdown` and `breakdown_value`.
        measures: As a family has them.
        period: The dimension and its column.
        values: The breakdowns' dimensions.
        others: Dimensions that are at the end of every grain.
        compute: As a family has it.
    """
    name, column = period
    others = others or {}
    end = "".join(f",{other}" for other in others)
    of_all = {name: f"case when breakdown = 'total' then {column} end", **others}
    by_value = {**_VALUES, name: column, **others}
    grains = tuple(f"{name},{value}{end}" for value in values)
    return (
        Family(relation, measures, of_all, (f"{name}{end}",), compute),
        Family(relation, measures, by_value, grains, compute),
    )


_DATE = ("event_date", "event_date")
_MONTH = ("month", "month_start_date")
_OWNERS = ("advertiser_id", "campaign_id", "line_item_id")


def _reached(reach: str, frequency: str) -> Callable[[Measures, str], dict[str, Number | None]]:
    """Reach and frequency, by the names of the two metrics."""

    def compute(measures: Measures, _grain: str) -> dict[str, Number | None]:
        return {
            reach: measures["reach"],
            frequency: rate(measures["impressions"], measures["reach"]),
        }

    return compute


_REACH_MEASURES = {
    "reach": "sum(reach_count)",
    "impressions": "sum(identified_net_impression_count)",
}

DAILY = _periods(
    "analytics.rpt_reach_daily",
    _REACH_MEASURES,
    period=_DATE,
    values=_DIMENSIONS,
    compute=_reached("reach", "frequency"),
)

_LIFETIME = tuple(name for name in _DIMENSIONS if name not in {"creative_id", "site_id"})
_LIFETIME_MEASURES = {"lifetime_reach": "sum(reach_count)", "error": "max(relative_error)"}

LIFETIME = Family(
    relation="(select * from analytics.rpt_reach_lifetime where breakdown = 'total') as reach",
    measures=_LIFETIME_MEASURES,
    dimensions={},
    grains=("total",),
    error="error",
)

LIFETIME_BY_VALUE = Family(
    relation="analytics.rpt_reach_lifetime",
    measures=_LIFETIME_MEASURES,
    dimensions=_VALUES,
    grains=_LIFETIME,
    error="error",
)

_BUCKETS = {"ids_by_frequency": "sum(user_count)"}
_BUCKET = {"frequency": "frequency_bucket"}

DAILY_DISTRIBUTION = _periods(
    "analytics.rpt_frequency_distribution_daily",
    _BUCKETS,
    period=_DATE,
    values=_OWNERS,
    others=_BUCKET,
)

DAILY_PEOPLE = _periods(
    "analytics.rpt_person_reach_daily",
    {**_REACH_MEASURES, "reach": "sum(person_reach_count)"},
    period=_DATE,
    values=("campaign_id",),
    compute=_reached("person_reach", "person_frequency"),
)

MONTHLY = _periods(
    "analytics.rpt_reach_monthly",
    _REACH_MEASURES,
    period=_MONTH,
    values=_OWNERS,
    compute=_reached("reach", "frequency"),
)

_BUCKET_COLUMNS = {**{n: f"reach_{n}_count" for n in range(1, 10)}, 10: "reach_10_plus_count"}

_MONTHLY_BUCKETS = " union all ".join(
    f"select month_start_date, breakdown, breakdown_value, {bucket} as frequency_bucket, "
    f"{column} as user_count from analytics.rpt_reach_monthly"
    for bucket, column in _BUCKET_COLUMNS.items()
)

MONTHLY_DISTRIBUTION = _periods(
    f"({_MONTHLY_BUCKETS}) as buckets",
    _BUCKETS,
    period=_MONTH,
    values=_OWNERS,
    others=_BUCKET,
)


def _compliance(measures: Measures, _grain: str) -> dict[str, Number | None]:
    reach, over = measures["reach"] or 0, measures["over"] or 0
    return {"ids_over_cap": over, "cap_compliance": rate(reach - over, reach)}


CAPS = Family(
    relation="analytics.rpt_frequency_cap_daily",
    measures={"reach": "sum(reach_count)", "over": "sum(over_cap_count)"},
    dimensions={"event_date": "event_date", "line_item_id": "line_item_id"},
    grains=("event_date,line_item_id",),
    compute=_compliance,
)

FAMILIES = (
    *DAILY,
    LIFETIME,
    LIFETIME_BY_VALUE,
    *DAILY_DISTRIBUTION,
    *DAILY_PEOPLE,
    *MONTHLY,
    *MONTHLY_DISTRIBUTION,
    CAPS,
)
