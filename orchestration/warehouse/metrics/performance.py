"""Delivery by hour, weekday, creative and arm, placement, region, cell of a map, audience."""

from orchestration.warehouse.metrics.family import Family, Measures, Number, rate

_MEASURES = {
    "gross_impressions": "sum(gross_impression_count)",
    "net_impressions": "sum(net_impression_count)",
    "explained_clicks": "sum(gross_click_count)",
    "net_clicks": "sum(net_click_count)",
}


def _with_rate(measures: Measures, _grain: str) -> dict[str, Number | None]:
    return {**measures, "ctr": rate(measures["net_clicks"], measures["net_impressions"])}


def _report(name: str, dimensions: dict[str, str], *grains: str) -> Family:
    return Family(
        relation=f"analytics.{name}",
        measures=_MEASURES,
        dimensions=dimensions,
        grains=grains,
        compute=_with_rate,
    )


def _mean(measures: Measures, _grain: str) -> dict[str, Number | None]:
    return {"centre_distance": rate(measures["metres"], measures["located"])}


CENTRE_DISTANCES = Family(
    relation="(select * from analytics.rpt_geography_daily "
    "where country_centre_metres is not null) as located",
    measures={
        "metres": "sum(net_impression_count * country_centre_metres)",
        "located": "sum(net_impression_count)",
    },
    dimensions={"event_date": "event_date", "country": "country_code"},
    grains=("country", "event_date,country", "event_date"),
    compute=_mean,
)

AUDIENCE_CONVERSIONS = Family(
    relation="analytics.rpt_audience_conversions_daily",
    measures={"audience_conversions": "sum(attributed_conversion_count)"},
    dimensions={name: name for name in ("event_date", "campaign_id", "age_band", "gender")},
    grains=("age_band", "gender", "event_date,age_band,gender", "campaign_id,age_band,gender"),
)

FAMILIES = (
    _report(
        "rpt_delivery_hourly",
        {name: name for name in ("event_hour", "weekday", "line_item_id")},
        "event_hour",
        "weekday",
        "line_item_id,event_hour",
    ),
    _report(
        "rpt_creative_performance_daily",
        {name: name for name in ("event_date", "line_item_id", "creative_id", "experiment_arm")},
        "line_item_id,creative_id,experiment_arm",
        "event_date,experiment_arm",
    ),
    _report(
        "rpt_placement_performance_daily",
        {name: name for name in ("event_date", "placement_id", "exchange")},
        "event_date,placement_id",
        "placement_id,exchange",
    ),
    _report(
        "rpt_region_performance_daily",
        {"event_date": "event_date", "country": "country_code", "region": "region"},
        "country,region",
        "event_date,country",
    ),
    _report(
        "rpt_geography_daily",
        {name: name for name in ("event_date", "latitude_cell", "longitude_cell")},
        "latitude_cell,longitude_cell",
        "event_date,latitude_cell,longitude_cell",
    ),
    CENTRE_DISTANCES,
    _report(
        "rpt_audience_performance_daily",
        {name: name for name in ("event_date", "campaign_id", "age_band", "gender")},
        "age_band",
        "gender",
        "event_date,age_band,gender",
        "campaign_id,age_band,gender",
    ),
    AUDIENCE_CONVERSIONS,
)
