"""Impressions, clicks, conversions and user actions."""

from orchestration.warehouse.metrics.family import Family, Measures, Number, rate

# Both facts with the dimensions of their time; a click has those of its impression.
_DELIVERY_COLUMNS = (
    "event_date, event_hour, advertiser_id, campaign_id, line_item_id, creative_id, placement_id, "
    "site_id, publisher_id, channel, country_code, device_type, ad_format"
)
_DELIVERY = f"""(
    select {_DELIVERY_COLUMNS},
        case when is_invalid then 'invalid impression' else 'net impression' end as kind
    from core.fct_impressions_as_of
    union all
    select {_DELIVERY_COLUMNS}, click_class as kind from core.fct_clicks_as_of
) as delivery"""

_TIMES = ("total", "event_date", "event_date,event_hour")


def _clicks_and_rate(measures: Measures, grain: str) -> dict[str, Number | None]:
    """Orphans know nothing but their time, so they only count where nothing else is asked for."""
    shown = measures["gross_impressions"]
    orphans = measures["orphan_clicks"] or 0
    explained = (measures["gross_clicks"] or 0) - orphans
    metrics: dict[str, Number | None] = {
        "gross_impressions": shown,
        "invalid_impressions": measures["invalid_impressions"],
        "net_impressions": measures["net_impressions"],
        "gross_clicks": explained + (orphans if grain in _TIMES else 0),
        "invalid_clicks": measures["invalid_clicks"],
        "repeat_clicks": measures["repeat_clicks"],
        "net_clicks": measures["net_clicks"],
        "gross_ctr": rate(explained, shown),
        "ctr": rate(measures["net_clicks"], measures["net_impressions"]),
        "invalid_rate": rate(measures["invalid_impressions"], shown),
    }
    if grain in {"total", "event_date"}:
        metrics["orphan_clicks"] = orphans
    return metrics


DELIVERY = Family(
    relation=_DELIVERY,
    measures={
        "gross_impressions": "countif(kind in ('invalid impression', 'net impression'))",
        "invalid_impressions": "countif(kind = 'invalid impression')",
        "net_impressions": "countif(kind = 'net impression')",
        "gross_clicks": "countif(kind not in ('invalid impression', 'net impression'))",
        "orphan_clicks": "countif(kind = 'orphan')",
        "invalid_clicks": "countif(kind = 'invalid')",
        "repeat_clicks": "countif(kind = 'repeat')",
        "net_clicks": "countif(kind = 'net')",
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
        "invalid_impressions": "sum(invalid_impression_count)",
        "net_impressions": "sum(net_impression_count)",
        "gross_clicks": "sum(gross_click_count)",
        "orphan_clicks": "sum(orphan_click_count)",
        "invalid_clicks": "sum(invalid_click_count)",
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

FAMILIES = (DELIVERY, CAMPAIGN_REPORT, CONVERSIONS, CONVERSION_VALUE, USER_ACTIONS, USERS)
