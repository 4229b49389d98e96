"""Delivery by hour, weekday, arm of an experiment, and region.

Clicks count at their own time, by the dimensions of their impressions; orphans nowhere.
"""

from collections.abc import Iterator

import numpy as np

from ingestion.adworld.config import DAY_US
from ingestion.adworld.frames import Ints
from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.events import ClickClass
from ingestion.adworld.key.exact import Answer, answer, rate
from ingestion.adworld.key.groups import Dimension, Dimensions, by_list, sums
from ingestion.adworld.traffic import EXCHANGES
from ingestion.adworld.wire import REGIONS

GRAINS = (
    ("event_hour",),
    ("weekday",),
    ("line_item_id", "event_hour"),
    ("line_item_id", "creative_id", "experiment_arm"),
    ("event_date", "experiment_arm"),
    ("event_date", "placement_id"),
    ("placement_id", "exchange"),
    ("country", "region"),
    ("event_date", "country"),
)
_MONDAY = 4
"""The first Monday after 1 January 1970, a Thursday, is the fifth day."""


def by_weekday(ts: Ints) -> Dimension:
    """The ISO day of the week of moments, 1 for Monday."""
    return Dimension((ts // DAY_US - _MONDAY) % 7 + 1, str)


def _dimensions(delivery: Delivery) -> Dimensions:
    rows = delivery.impressions
    regions = [region for pair in REGIONS for region in pair]
    place = rows["country"].astype(np.int64) * 2 + rows["person"] % 2
    return {
        **delivery.dimensions(),
        "weekday": by_weekday(rows["ts"]),
        "experiment_arm": by_list(rows["arm"], ["A", "B", "C"]),
        "exchange": by_list(rows["exchange"], list(EXCHANGES)),
        "region": by_list(np.where(rows["country"] >= 0, place, -1), regions),
    }


def performance_answers(delivery: Delivery) -> Iterator[Answer | None]:
    """Impressions and clicks, gross and net, and their rate."""
    of_impressions = _dimensions(delivery)
    explained = np.flatnonzero(delivery.classes != ClickClass.ORPHAN)
    parents = delivery.parents[explained]
    of_clicks = {
        **{name: dim.take(parents) for name, dim in of_impressions.items()},
        **{
            name: dim
            for name, dim in delivery.click_dimensions(explained).items()
            if name in ("event_date", "event_hour")
        },
        "weekday": by_weekday(delivery.clicks["ts"][explained]),
    }
    valid = (~delivery.invalid_impressions).astype(np.int64)
    net = (delivery.classes[explained] == ClickClass.NET).astype(np.int64)
    for grain in GRAINS:
        shown = dict(sums(of_impressions, grain, valid))
        clicked = dict(sums(of_clicks, grain, net))
        for metric, counts in (
            ("gross_impressions", dict(sums(of_impressions, grain))),
            ("net_impressions", shown),
            ("explained_clicks", dict(sums(of_clicks, grain))),
            ("net_clicks", clicked),
        ):
            for group, count in counts.items():
                yield answer(metric, dict(group), count)
        for group, count in shown.items():
            yield answer("ctr", dict(group), rate(clicked.get(group, 0), count) or 0)
