"""Viewability of impressions, and what was played of videos."""

from orchestration.warehouse.metrics.family import Family, Measures, Number, rate


def _rates(measures: Measures, _grain: str) -> dict[str, Number | None]:
    measurable = measures["measurable_impressions"]
    viewable = measures["viewable_impressions"]
    return {
        "measurable_impressions": measurable,
        "viewable_impressions": viewable,
        "in_view_ms": measures["in_view_ms"],
        "measured_rate": rate(measurable, measures["impressions"]),
        "viewable_rate": rate(viewable, measurable),
    }


REPORT = Family(
    relation="analytics.rpt_viewability_daily",
    measures={
        "impressions": "sum(net_impression_count)",
        "measurable_impressions": "sum(measurable_impression_count)",
        "viewable_impressions": "sum(viewable_impression_count)",
        "in_view_ms": "sum(in_view_ms)",
    },
    dimensions={
        name: name
        for name in (
            "event_date",
            "line_item_id",
            "creative_id",
            "placement_id",
            "device_type",
            "ad_format",
        )
    },
    grains=(
        "total",
        "event_date",
        "line_item_id",
        "creative_id",
        "placement_id",
        "device_type",
        "ad_format",
    ),
    compute=_rates,
)

# The fact answers what the report has no dimension for.
FACT = Family(
    relation=(
        "core.fct_impressions_as_of as impressions inner join core.fct_viewability as viewability "
        "on impressions.impression_key = viewability.impression_key "
        "and impressions.event_date = viewability.event_date and not viewability.is_invalid"
    ),
    measures={
        "impressions": "count(*)",
        "measurable_impressions": "countif(is_measurable)",
        "viewable_impressions": "countif(is_viewable)",
        "in_view_ms": "sum(in_view_ms)",
    },
    dimensions={
        "event_date": "impressions.event_date",
        "advertiser_id": "advertiser_id",
        "campaign_id": "campaign_id",
        "site_id": "site_id",
        "publisher_id": "publisher_id",
        "channel": "channel",
        "country": "country_code",
    },
    grains=(
        "advertiser_id",
        "campaign_id",
        "site_id",
        "publisher_id",
        "channel",
        "country",
        "event_date,campaign_id",
    ),
    compute=_rates,
)

_VIDEO_EVENTS = {
    "video_starts": "start",
    "video_first_quartiles": "first_quartile",
    "video_midpoints": "midpoint",
    "video_third_quartiles": "third_quartile",
    "video_completes": "complete",
    "video_mutes": "mute",
    "video_skips": "skip",
}


def _over_starts(measures: Measures, _grain: str) -> dict[str, Number | None]:
    starts = measures["video_starts"]
    return {
        **measures,
        "first_quartile_rate": rate(measures["video_first_quartiles"], starts),
        "midpoint_rate": rate(measures["video_midpoints"], starts),
        "third_quartile_rate": rate(measures["video_third_quartiles"], starts),
        "completion_rate": rate(measures["video_completes"], starts),
    }


VIDEO_REPORT = Family(
    relation="analytics.rpt_video_daily",
    measures={metric: f"sum({event}_count)" for metric, event in _VIDEO_EVENTS.items()},
    dimensions={name: name for name in ("event_date", "line_item_id", "creative_id")},
    grains=("total", "event_date", "line_item_id", "creative_id"),
    compute=_over_starts,
)

VIDEO_FACT = Family(
    relation=(
        "core.fct_video_events as video_events "
        "inner join core.fct_impressions_as_of as impressions "
        "on video_events.impression_key = impressions.impression_key "
        "and not video_events.is_invalid"
    ),
    measures={
        metric: f"countif(video_event = '{event}')" for metric, event in _VIDEO_EVENTS.items()
    },
    dimensions={"campaign_id": "campaign_id", "placement_id": "placement_id"},
    grains=("campaign_id", "placement_id"),
    compute=_over_starts,
)

FAMILIES = (REPORT, FACT, VIDEO_REPORT, VIDEO_FACT)
