"""Delivery by hour, weekday, arm of an experiment, region, and cell of a map.

Clicks count at their own time, by the dimensions of their impressions; orphans nowhere. A cell of a
map is a tenth of a degree wide and high, and numbered downwards and upwards from 0. The centre
distance of impressions is the mean distance from the centres of their cells to their country's.
"""

from collections.abc import Iterator
from decimal import ROUND_FLOOR, Decimal

import numpy as np

from ingestion.adworld.config import DAY_US
from ingestion.adworld.frames import Ints
from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.events import ClickClass
from ingestion.adworld.key.exact import Answer, answer, rate
from ingestion.adworld.key.groups import Dimension, Dimensions, by_list, sums
from ingestion.adworld.key.invalid import distance_metres
from ingestion.adworld.traffic import EXCHANGES
from ingestion.adworld.wire import PLACES, REGIONS

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
    ("latitude_cell", "longitude_cell"),
    ("event_date", "latitude_cell", "longitude_cell"),
)
CELLS_PER_DEGREE = 10
CENTRES = (
    ("51.00", "9.00"),
    ("38.00", "-97.00"),
    ("20.00", "77.00"),
    ("54.00", "-2.00"),
    ("36.00", "138.00"),
    ("46.00", "2.00"),
    ("-10.00", "-55.00"),
    ("52.52", "5.77"),
)
"""Latitude and longitude of the countries by the World Factbook, in the order of `COUNTRIES`."""
_MONDAY = 4
"""The first Monday after 1 January 1970, a Thursday, is the fifth day."""


def by_weekday(ts: Ints) -> Dimension:
    """The ISO day of the week of moments, 1 for Monday."""
    return Dimension((ts // DAY_US - _MONDAY) % 7 + 1, str)


def cell_of(degrees: str) -> int:
    """The number of the cell of a coordinate."""
    return int((Decimal(degrees) * CELLS_PER_DEGREE).to_integral_value(ROUND_FLOOR))


def _centre_of(degrees: str) -> str:
    """The centre of that cell, in degrees."""
    return str(Decimal(2 * cell_of(degrees) + 1) / (2 * CELLS_PER_DEGREE))


def _centre_distances(delivery: Delivery) -> Iterator[Answer | None]:
    metres = np.array(
        [
            distance_metres((_centre_of(latitude), _centre_of(longitude)), centre)
            for (latitude, longitude), centre in zip(PLACES, CENTRES, strict=True)
        ],
        np.int64,
    )
    # Each event of a country comes from one place.
    net = np.flatnonzero(~delivery.invalid_impressions & (delivery.impressions["country"] >= 0))
    dimensions = {name: dim.take(net) for name, dim in _dimensions(delivery).items()}
    far = metres[delivery.impressions["country"][net]]
    for grain in (("country",), ("event_date", "country"), ("event_date",)):
        shown = dict(sums(dimensions, grain))
        for group, total in sums(dimensions, grain, far):
            yield answer("centre_distance", dict(group), rate(total, shown[group]) or 0)


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
        "latitude_cell": by_list(rows["country"], [str(cell_of(place[0])) for place in PLACES]),
        "longitude_cell": by_list(rows["country"], [str(cell_of(place[1])) for place in PLACES]),
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
    yield from _centre_distances(delivery)
