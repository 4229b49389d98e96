"""Viewability: what was measurable, what was in view, and for how long; how far videos were played.

- Intervals of an impression stand in the order of their starts, then of their numbers. One that
  shows enough pixels continues the stretch before it where it starts at most 200 ms after that
  stretch ends; one that shows too few ends the stretch, and for video so does one that is not
  playing.
- Enough pixels: half of them; 30 % of a display creative of at least 242,500 pixels.
- Long enough: a second from the first start to the last end; for video two seconds of content,
  where content that is played twice counts once.
- Measurable: at least one interval, and none that says it is not. Only then is an impression
  viewable, and has it time in view: the sum of its intervals with enough pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ingestion.adworld.frames import NONE, Flags, Ints
from ingestion.adworld.key.delivery import DIMENSION_GRAINS, Delivery
from ingestion.adworld.key.events import distinct_by, positions
from ingestion.adworld.key.exact import Answer, answer, rate
from ingestion.adworld.key.groups import Group, by_date, sums
from ingestion.adworld.ledger import Ledger, Rows
from ingestion.adworld.market import FORMATS, Market
from ingestion.adworld.traffic import VIDEO_EVENTS

MAX_GAP_MS = 200
LARGE_PIXELS = 242_500
DISPLAY_PERCENT, LARGE_PERCENT, VIDEO_PERCENT = 50, 30, 50
DISPLAY_MS, VIDEO_MS = 1000, 2000

GRAINS = ((), ("event_date",), *DIMENSION_GRAINS)
VIDEO_GRAINS = (
    (),
    ("event_date",),
    ("campaign_id",),
    ("line_item_id",),
    ("creative_id",),
    ("placement_id",),
)
VIDEO_METRICS = dict(
    zip(
        VIDEO_EVENTS,
        (
            "video_starts",
            "video_first_quartiles",
            "video_midpoints",
            "video_third_quartiles",
            "video_completes",
            "video_mutes",
            "video_skips",
        ),
        strict=True,
    )
)
VIDEO_RATES = {
    "first_quartile": "first_quartile_rate",
    "midpoint": "midpoint_rate",
    "third_quartile": "third_quartile_rate",
    "complete": "completion_rate",
}


@dataclass(frozen=True)
class Interval:
    """One interval of an impression; times in milliseconds, `position` of the content."""

    start: int
    end: int
    percent: int
    playing: bool
    position: int


@dataclass(frozen=True)
class Viewed:
    """The verdict on impressions, one entry an impression."""

    measurable: Flags
    viewable: Flags
    in_view_ms: Ints


def is_viewable(intervals: list[Interval], *, is_video: bool, percent: int) -> bool:
    """Whether intervals in their order have a stretch that is long enough."""
    needed = VIDEO_MS if is_video else DISPLAY_MS
    stretch: list[Interval] = []
    for one in intervals:
        if one.percent < percent or (is_video and not one.playing):
            stretch = []
            continue
        if stretch and one.start - max(before.end for before in stretch) > MAX_GAP_MS:
            stretch = []
        stretch.append(one)
        if (_content(stretch) if is_video else _length(stretch)) >= needed:
            return True
    return False


def _length(stretch: list[Interval]) -> int:
    return max(one.end for one in stretch) - stretch[0].start


def _content(stretch: list[Interval]) -> int:
    """Milliseconds of content that were played at least once."""
    played = 0
    reached = 0
    for begin, end in sorted((one.position, one.position + one.end - one.start) for one in stretch):
        played += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return played


def viewed(impressions: Rows, views: Rows, market: Market) -> Viewed:
    """The verdict on each impression.

    Args:
        impressions: Distinct impressions, ordered by number.
        views: Every delivery of every interval, in load order.
        market: What line items and creatives are like.
    """
    count = len(impressions["number"])
    first = distinct_by(views, "sequence").first
    rows = {column: values[first] for column, values in views.items()}
    place, known = positions(rows["number"], impressions["number"])

    formats = np.array([item.ad_format for item in market.line_items])[impressions["line_item"]]
    sizes = [width * height for width, height in market.creative_size]
    large = np.array(sizes)[impressions["creative"]] >= LARGE_PIXELS
    videos = formats == FORMATS.index("video")
    measurable = np.zeros(count, np.bool_)
    viewable = np.zeros(count, np.bool_)
    in_view = np.zeros(count, np.int64)

    order = np.lexsort((rows["sequence"], rows["start_ms"], place))
    order = order[known[order]]
    for group in np.split(order, np.flatnonzero(np.diff(place[order])) + 1):
        if not len(group):
            continue
        impression = int(place[group[0]])
        if not rows["measurable"][group].all():
            continue
        measurable[impression] = True
        is_video = bool(videos[impression])
        percent = DISPLAY_PERCENT
        if is_video:
            percent = VIDEO_PERCENT
        elif large[impression]:
            percent = LARGE_PERCENT
        intervals = [_interval(rows, int(row)) for row in group]
        viewable[impression] = is_viewable(intervals, is_video=is_video, percent=percent)
        in_view[impression] = sum(
            one.end - one.start for one in intervals if one.percent >= percent
        )
    return Viewed(measurable, viewable, in_view)


def _interval(rows: Rows, row: int) -> Interval:
    position, start = int(rows["position_ms"][row]), int(rows["start_ms"][row])
    return Interval(
        start=start,
        end=int(rows["end_ms"][row]),
        percent=int(rows["percent"][row]),
        playing=bool(rows["playing"][row] == 1),
        position=start if position == NONE else position,
    )


def viewability_answers(ledger: Ledger, delivery: Delivery) -> Iterator[Answer | None]:
    """Measurable and viewable impressions, their rates, and time in view."""
    verdict = viewed(delivery.impressions, ledger.stream_rows("Views"), delivery.market)
    net = np.flatnonzero(~delivery.invalid_impressions)
    dimensions = {name: dim.take(net) for name, dim in delivery.dimensions().items()}
    for grain in GRAINS:
        shown, measurable, viewable, in_view = (
            dict(sums(dimensions, grain, values[net].astype(np.int64)))
            for values in (
                np.ones(len(verdict.measurable)),
                verdict.measurable,
                verdict.viewable,
                verdict.in_view_ms,
            )
        )
        yield from _figures(shown, measurable, viewable, in_view)


def _figures(
    shown: dict[Group, int],
    measurable: dict[Group, int],
    viewable: dict[Group, int],
    in_view: dict[Group, int],
) -> Iterator[Answer | None]:
    for group, count in shown.items():
        dims = dict(group)
        yield answer("measurable_impressions", dims, measurable[group])
        yield answer("viewable_impressions", dims, viewable[group])
        yield answer("in_view_ms", dims, in_view[group])
        yield answer("measured_rate", dims, rate(measurable[group], count) or 0)
        yield answer("viewable_rate", dims, rate(viewable[group], measurable[group]) or 0)


def video_answers(ledger: Ledger, delivery: Delivery) -> Iterator[Answer | None]:
    """Video events by kind, and their rates over starts."""
    delivered = ledger.stream_rows("Videos")
    first = distinct_by(delivered, "event").first
    rows = {column: values[first] for column, values in delivered.items()}
    place, known = positions(rows["number"], delivery.impressions["number"])
    counted = known & ~delivery.invalid_impressions[place]
    of_impressions = delivery.dimensions()
    for grain in VIDEO_GRAINS:
        counts: dict[str, dict[Group, int]] = {}
        for code, event in enumerate(VIDEO_EVENTS):
            some = np.flatnonzero(counted & (rows["event"] == code))
            dimensions = {name: dim.take(place[some]) for name, dim in of_impressions.items()}
            dimensions["event_date"] = by_date(rows["ts"][some])
            counts[event] = dict(sums(dimensions, grain))
            for group, count in counts[event].items():
                yield answer(VIDEO_METRICS[event], dict(group), count)
        for event, metric in VIDEO_RATES.items():
            for group, starts in counts["start"].items():
                yield answer(metric, dict(group), rate(counts[event].get(group, 0), starts) or 0)
