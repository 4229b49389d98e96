"""The registry of verified metrics: which SQL over the published marts gives which metric.

A family is a relation with dimensions and measures; at a grain, its measures are summed by the
dimensions of the grain, and metrics are computed from the sums (so a rate is a rate of sums). A row
without a value in a dimension is left out of the grains with it. Nothing here is shared with the
models or with the answer key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

Number = Decimal | int
Measures = Mapping[str, Number | None]

SCALE = 9
"""Decimals of a rate."""


def rate(numerator: Number | Fraction | None, denominator: Number | None) -> Decimal | None:
    """The exact quotient to nine decimals, half away from zero; None over zero."""
    if not denominator:
        return None
    quotient = Fraction(numerator or 0) / Fraction(denominator) * 10**SCALE
    whole, rest = divmod(abs(quotient.numerator), quotient.denominator)
    whole += 2 * rest >= quotient.denominator
    # Through text: arithmetic on decimals would round to the precision of the context.
    return Decimal(f"{'-' if quotient < 0 else ''}{whole}e-{SCALE}")


def as_measured(measures: Measures, _grain: str) -> dict[str, Number | None]:
    """Every measure is a metric of the same name."""
    return dict(measures)


@dataclass(frozen=True)
class Family:
    """Metrics that come from one relation.

    Attributes:
        relation: What follows FROM.
        measures: Aggregates by name; the sums that metrics are computed from.
        dimensions: Expressions of the dimensions by name.
        grains: Dimensions joined by commas, or `total`.
        compute: Metrics from the measures of one group, and the grain.
    """

    relation: str
    measures: Mapping[str, str]
    dimensions: Mapping[str, str]
    grains: tuple[str, ...]
    compute: Callable[[Measures, str], Mapping[str, Number | None]] = as_measured

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the measures, in the order of the statement."""
        return tuple(self.measures)

    def statement(self, grain: str) -> str:
        """SELECT of the dimensions of a grain, then the measures."""
        names = [] if grain == "total" else grain.split(",")
        chosen = [self.dimensions[name] for name in names]
        columns = ", ".join([*chosen, *self.measures.values()])
        where = " and ".join(f"({expression}) is not null" for expression in chosen)
        group = ", ".join(str(place + 1) for place in range(len(chosen)))
        return (
            f"select {columns} from {self.relation}"
            f"{f' where {where}' if where else ''}{f' group by {group}' if group else ''}"
        )


# Both facts with the dimensions of their time; a click has those of its impression.
_DELIVERY_COLUMNS = (
    "event_date, event_hour, advertiser_id, campaign_id, line_item_id, creative_id, placement_id, "
    "site_id, publisher_id, channel, country_code, device_type, ad_format"
)
_DELIVERY = f"""(
    select {_DELIVERY_COLUMNS}, 'impression' as kind from core.fct_impressions_as_of
    union all by name
    select {_DELIVERY_COLUMNS}, click_class as kind from core.fct_clicks_as_of
) as delivery"""

_TIMES = ("total", "event_date", "event_date,event_hour")


def _clicks_and_rate(measures: Measures, grain: str) -> dict[str, Number | None]:
    """Orphans know nothing but their time, so they only count where nothing else is asked for."""
    explained = (measures["repeat_clicks"] or 0) + (measures["net_clicks"] or 0)
    orphans = measures["orphan_clicks"] or 0
    metrics: dict[str, Number | None] = {
        "gross_impressions": measures["gross_impressions"],
        "gross_clicks": explained + (orphans if grain in _TIMES else 0),
        "repeat_clicks": measures["repeat_clicks"],
        "net_clicks": measures["net_clicks"],
        "gross_ctr": rate(explained, measures["gross_impressions"]),
    }
    if grain in {"total", "event_date"}:
        metrics["orphan_clicks"] = orphans
    return metrics


DELIVERY = Family(
    relation=_DELIVERY,
    measures={
        "gross_impressions": "count(*) filter (kind = 'impression')",
        "orphan_clicks": "count(*) filter (kind = 'orphan')",
        "repeat_clicks": "count(*) filter (kind = 'repeat')",
        "net_clicks": "count(*) filter (kind = 'net')",
    },
    dimensions={
        **{
            name: name
            for name in (
                "event_date",
                "event_hour",
                "advertiser_id",
                "campaign_id",
                "line_item_id",
                "creative_id",
                "placement_id",
                "site_id",
                "publisher_id",
                "channel",
                "device_type",
                "ad_format",
            )
        },
        "country": "country_code",
    },
    grains=(
        "event_date,event_hour",
        "advertiser_id",
        "line_item_id",
        "creative_id",
        "placement_id",
        "site_id",
        "publisher_id",
        "channel",
        "country",
        "device_type",
        "ad_format",
    ),
    compute=_clicks_and_rate,
)

# The campaign report answers the grains that it can, so that it is proven as well.
CAMPAIGN_REPORT = Family(
    relation="analytics.rpt_campaign_performance_daily",
    measures={
        "gross_impressions": "sum(gross_impression_count)",
        "orphan_clicks": "sum(orphan_click_count)",
        "repeat_clicks": "sum(repeat_click_count)",
        "net_clicks": "sum(net_click_count)",
    },
    dimensions={"event_date": "event_date", "campaign_id": "campaign_id"},
    grains=("total", "event_date", "campaign_id", "event_date,campaign_id"),
    compute=_clicks_and_rate,
)

CONVERSIONS = Family(
    relation="core.fct_conversions",
    measures={"conversions": "count(*)"},
    dimensions={name: name for name in ("event_date", "advertiser_id", "conversion_type")},
    grains=(
        "total",
        "event_date",
        "advertiser_id",
        "conversion_type",
        "advertiser_id,conversion_type",
    ),
)

CONVERSION_VALUE = Family(
    relation="core.fct_conversions",
    measures={"conversion_value": "sum(conversion_value_amount)"},
    dimensions={
        "event_date": "event_date",
        "advertiser_id": "advertiser_id",
        "currency": "currency_code",
    },
    grains=("currency", "advertiser_id,currency", "event_date,currency"),
)

USER_ACTIONS = Family(
    relation="core.fct_user_actions",
    measures={"user_actions": "count(*)"},
    dimensions={
        "event_date": "event_date",
        "event_name": "event_name",
        "platform": "platform",
        "SKU": "sku",
    },
    grains=("total", "event_date", "event_name", "platform", "SKU", "event_date,event_name"),
)

USERS = Family(
    relation="core.fct_user_actions",
    measures={"users": "count(distinct user_key)"},
    dimensions={"event_date": "event_date"},
    grains=("total", "event_date"),
)

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

BALANCE = Family(
    relation="utilities.rpt_source_balance",
    measures={
        "loaded": "sum(loaded_count)",
        "failed": "sum(failed_count)",
        "distinct": "sum(distinct_count)",
        "duplicates": "sum(duplicate_count)",
        "id_conflicts": "sum(id_conflict_count)",
        "drift": "sum(drift_count)",
    },
    dimensions={"source_table": "source_table"},
    grains=("source_table",),
)

FAILED_BY_REASON = Family(
    relation="ops.failed_events",
    measures={"failed": "count(*)"},
    dimensions={"source_table": "source || '.' || table_name", "reason": "reason"},
    grains=("source_table,reason",),
)

FILES = Family(
    relation="ops.file_registry",
    measures={
        "files_loaded": "count(*) filter (status = 'loaded')",
        "files_superseded": "count(*) filter (status = 'loaded' and supersedes is not null)",
        "files_failed": "count(*) filter (status = 'failed')",
        "files_repeated": "count(*) filter (status = 'repeated')",
    },
    dimensions={"source_table": "source || '.' || table_name"},
    grains=("source_table",),
)

_DIMENSIONS = ("advertiser", "campaign", "line_item", "creative", "publisher", "site", "placement")

# Members that no source has described yet (inferred from events) are no versions of a source.
_VERSIONS = " union all ".join(
    f"select '{name}s' as dimension, {name}_id as member, is_current and is_deleted as is_gone "
    f"from core.dim_{name}s where not is_inferred"
    for name in _DIMENSIONS
)

DIMENSIONS = Family(
    relation=f"({_VERSIONS}) as versions",
    measures={
        "dimension_versions": "count(*)",
        "dimension_members": "count(distinct member)",
        "dimension_deleted": "count(*) filter (is_gone)",
    },
    dimensions={"dimension": "dimension"},
    grains=("dimension",),
)

FAMILIES = (
    DELIVERY,
    CAMPAIGN_REPORT,
    CONVERSIONS,
    CONVERSION_VALUE,
    USER_ACTIONS,
    USERS,
    NATIVE_MONEY,
    BASE_MONEY,
    ECPM,
    BALANCE,
    FAILED_BY_REASON,
    FILES,
    DIMENSIONS,
)
"""Every family; each metric at each grain comes from one of them."""
