"""Reach and frequency of ids, and whether frequency caps held."""

from orchestration.warehouse.metrics.family import Family, Measures, Number, rate

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


def _values(*, total: str) -> dict[str, str]:
    """A breakdown's value as a dimension of its name; rows of other breakdowns have none."""
    return {
        **{
            name: f"case when breakdown = '{breakdown}' then breakdown_value end"
            for name, breakdown in _DIMENSIONS.items()
        },
        "event_date": total,
    }


_OF_ALL = "case when breakdown = 'total' then event_date end"


def _reach(measures: Measures, _grain: str) -> dict[str, Number | None]:
    return {
        "reach": measures["reach"],
        "frequency": rate(measures["impressions"], measures["reach"]),
    }


_REACH_MEASURES = {
    "reach": "sum(reach_count)",
    "impressions": "sum(identified_net_impression_count)",
}

BY_DATE = Family(
    relation="analytics.rpt_reach_daily",
    measures=_REACH_MEASURES,
    dimensions=_values(total=_OF_ALL),
    grains=("event_date",),
    compute=_reach,
)

BY_DATE_AND_VALUE = Family(
    relation="analytics.rpt_reach_daily",
    measures=_REACH_MEASURES,
    dimensions=_values(total="event_date"),
    grains=tuple(f"event_date,{name}" for name in _DIMENSIONS),
    compute=_reach,
)

_LIFETIME = tuple(name for name in _DIMENSIONS if name not in {"creative_id", "site_id"})

LIFETIME = Family(
    relation="(select * from analytics.rpt_reach_lifetime where breakdown = 'total') as reach",
    measures={"lifetime_reach": "sum(reach_count)", "error": "max(relative_error)"},
    dimensions={},
    grains=("total",),
    error="error",
)

LIFETIME_BY_VALUE = Family(
    relation="analytics.rpt_reach_lifetime",
    measures={"lifetime_reach": "sum(reach_count)", "error": "max(relative_error)"},
    dimensions=_values(total="null"),
    grains=_LIFETIME,
    error="error",
)

_BUCKETS = {"ids_by_frequency": "sum(user_count)"}

DISTRIBUTION = Family(
    relation="analytics.rpt_frequency_distribution_daily",
    measures=_BUCKETS,
    dimensions={**_values(total=_OF_ALL), "frequency": "frequency_bucket"},
    grains=("event_date,frequency",),
)

DISTRIBUTION_BY_VALUE = Family(
    relation="analytics.rpt_frequency_distribution_daily",
    measures=_BUCKETS,
    dimensions={**_values(total="event_date"), "frequency": "frequency_bucket"},
    grains=tuple(
        f"event_date,{name},frequency" for name in ("advertiser_id", "campaign_id", "line_item_id")
    ),
)


def _people(measures: Measures, _grain: str) -> dict[str, Number | None]:
    return {
        "person_reach": measures["people"],
        "person_frequency": rate(measures["impressions"], measures["people"]),
    }


_PEOPLE_MEASURES = {
    "people": "sum(person_reach_count)",
    "impressions": "sum(identified_net_impression_count)",
}

PEOPLE = Family(
    relation="analytics.rpt_person_reach_daily",
    measures=_PEOPLE_MEASURES,
    dimensions=_values(total=_OF_ALL),
    grains=("event_date",),
    compute=_people,
)

PEOPLE_BY_CAMPAIGN = Family(
    relation="analytics.rpt_person_reach_daily",
    measures=_PEOPLE_MEASURES,
    dimensions=_values(total="event_date"),
    grains=("event_date,campaign_id",),
    compute=_people,
)

_OF_ALL_MONTHS = "case when breakdown = 'total' then month_start_date end"

BY_MONTH = Family(
    relation="analytics.rpt_reach_monthly",
    measures=_REACH_MEASURES,
    dimensions={**_values(total="null"), "month": _OF_ALL_MONTHS},
    grains=("month",),
    compute=_reach,
)

BY_MONTH_AND_VALUE = Family(
    relation="analytics.rpt_reach_monthly",
    measures=_REACH_MEASURES,
    dimensions={**_values(total="null"), "month": "month_start_date"},
    grains=tuple(f"month,{name}" for name in ("advertiser_id", "campaign_id", "line_item_id")),
    compute=_reach,
)

_BUCKET_COLUMNS = {**{n: f"reach_{n}_count" for n in range(1, 10)}, 10: "reach_10_plus_count"}

_MONTHLY_BUCKETS = " union all ".join(
    f"select month_start_date, breakdown, breakdown_value, {bucket} as frequency_bucket, "
    f"{column} as user_count from analytics.rpt_reach_monthly"
    for bucket, column in _BUCKET_COLUMNS.items()
)

MONTHLY_DISTRIBUTION = Family(
    relation=f"({_MONTHLY_BUCKETS}) as buckets",
    measures=_BUCKETS,
    dimensions={"month": _OF_ALL_MONTHS, "frequency": "frequency_bucket"},
    grains=("month,frequency",),
)

MONTHLY_DISTRIBUTION_BY_VALUE = Family(
    relation=f"({_MONTHLY_BUCKETS}) as buckets",
    measures=_BUCKETS,
    dimensions={
        **_values(total="null"),
        "month": "month_start_date",
        "frequency": "frequency_bucket",
    },
    grains=tuple(
        f"month,{name},frequency" for name in ("advertiser_id", "campaign_id", "line_item_id")
    ),
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
    BY_DATE,
    BY_DATE_AND_VALUE,
    LIFETIME,
    LIFETIME_BY_VALUE,
    DISTRIBUTION,
    DISTRIBUTION_BY_VALUE,
    PEOPLE,
    PEOPLE_BY_CAMPAIGN,
    BY_MONTH,
    BY_MONTH_AND_VALUE,
    MONTHLY_DISTRIBUTION,
    MONTHLY_DISTRIBUTION_BY_VALUE,
    CAPS,
)
