"""Invalid traffic by reason and supply path."""

from orchestration.warehouse.metrics.family import Family

_REPORT = "analytics.rpt_invalid_traffic_daily"
_DIMENSIONS = {
    "reason": "reason_code",
    "invalid_traffic_type": "invalid_traffic_type",
    **{name: name for name in ("event_date", "exchange", "site_id", "campaign_id")},
}
_BY_REASON = (
    "reason",
    "reason,event_date",
    "reason,exchange",
    "reason,site_id",
    "reason,campaign_id",
)

PRIMARY_REASONS = Family(
    relation=_REPORT,
    measures={
        "invalid_impressions": "sum(impression_count)",
        "invalid_clicks": "sum(click_count)",
    },
    dimensions=_DIMENSIONS,
    grains=(*_BY_REASON, "invalid_traffic_type"),
)

ANY_REASON = Family(
    relation=_REPORT,
    measures={
        "any_reason_impressions": "sum(any_reason_impression_count)",
        "any_reason_clicks": "sum(any_reason_click_count)",
    },
    dimensions=_DIMENSIONS,
    grains=_BY_REASON,
)

FAMILIES = (PRIMARY_REASONS, ANY_REASON)
"""The families of verified metrics about invalid traffic; see `metrics`."""
