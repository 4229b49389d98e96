"""Impressions, clicks and their rates, gross and net, at every grain.

A click belongs to its own date and hour, and to its impression's dimensions. Orphans have no
impression, so they are part of `gross_clicks` only where no dimension but the date is asked for.
An event without a value in a dimension (an unknown country) is left out of grains with it.
Net impressions are gross ones less invalid ones; a rate without further words is net over net.
"""

from collections.abc import Iterator

import numpy as np

from ingestion.adworld.frames import Flags, Ints
from ingestion.adworld.key.events import (
    ClickClass,
    click_classes,
    parents_of,
    with_precedence,
)
from ingestion.adworld.key.exact import Answer, answer, rate
from ingestion.adworld.key.groups import (
    Dimension,
    Dimensions,
    Group,
    by_date,
    by_hour,
    by_list,
    sums,
)
from ingestion.adworld.key.invalid import traffic_of, verdicts_of
from ingestion.adworld.ledger import Ledger, Rows
from ingestion.adworld.market import CHANNELS, COUNTRIES, DEVICES, FORMATS, market_of

TIME_GRAINS: tuple[tuple[str, ...], ...] = ((), ("event_date",), ("event_date", "event_hour"))
DIMENSION_GRAINS: tuple[tuple[str, ...], ...] = (
    ("advertiser_id",),
    ("campaign_id",),
    ("line_item_id",),
    ("creative_id",),
    ("placement_id",),
    ("site_id",),
    ("publisher_id",),
    ("channel",),
    ("country",),
    ("device_type",),
    ("ad_format",),
    ("event_date", "campaign_id"),
)


class Delivery:
    """The distinct impressions and clicks of a ledger.

    Attributes:
        impressions: Distinct impressions, ordered by number.
        impression_verdicts: Why impressions are invalid.
        invalid_impressions: Which are.
        clicks: Distinct clicks.
        parents: Positions of their impressions; -1 for orphans.
        click_verdicts: Why clicks are invalid by themselves.
        clicks_of_invalid: Which clicks are on an invalid impression.
        classes: The classes of the clicks.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.config = ledger.config
        self.market = market_of(ledger.config)
        self.impressions: Rows = with_precedence(
            ledger.stream_rows("Impressions"), ledger.file_rows("Impressions")
        )
        self.clicks: Rows = with_precedence(
            ledger.stream_rows("Clicks"), ledger.file_rows("Clicks")
        )
        self.parents: Ints = parents_of(self.clicks, self.impressions)
        self.impression_verdicts, self.click_verdicts = verdicts_of(
            traffic_of(ledger, self.impressions, self.clicks, self.parents), ledger.config
        )
        self.invalid_impressions: Flags = self.impression_verdicts.invalid
        explained = self.parents >= 0
        self.clicks_of_invalid: Flags = explained.copy()
        self.clicks_of_invalid[explained] = self.invalid_impressions[self.parents[explained]]
        self.classes: Ints = click_classes(
            self.clicks,
            self.parents,
            self.click_verdicts.invalid | self.clicks_of_invalid,
            ledger.config.seed,
        )

    def dimensions(self) -> dict[str, Dimension]:
        """The dimensions of the impressions."""
        rows, market = self.impressions, self.market
        items = market.line_items
        campaigns = np.array(market.line_item_campaign, np.int64)[rows["line_item"]]
        sites = np.array(market.placement_site, np.int64)[rows["placement"]]
        channels = np.array([item.channel for item in items], np.int64)[rows["line_item"]]
        formats = np.array([item.ad_format for item in items], np.int64)[rows["line_item"]]
        return {
            "event_date": by_date(rows["ts"]),
            "event_hour": by_hour(rows["ts"]),
            "advertiser_id": by_list(
                np.array(market.campaign_advertiser, np.int64)[campaigns], market.advertiser_ids
            ),
            "campaign_id": by_list(campaigns, market.campaign_ids),
            "line_item_id": by_list(rows["line_item"], [item.line_item_id for item in items]),
            "creative_id": by_list(rows["creative"], market.creative_ids),
            "placement_id": by_list(rows["placement"], market.placement_ids),
            "site_id": by_list(sites, market.site_ids),
            "publisher_id": by_list(
                np.array(market.site_publisher, np.int64)[sites], market.publisher_ids
            ),
            "channel": by_list(channels, CHANNELS),
            "country": by_list(rows["country"], COUNTRIES),
            "device_type": by_list(rows["device"], DEVICES),
            "ad_format": by_list(formats, FORMATS),
        }

    def click_dimensions(self, chosen: Ints) -> dict[str, Dimension]:
        """Dimensions of clicks that have an impression: its own, but the click's date and hour."""
        of_impression = self.dimensions()
        taken = {name: dim.take(self.parents[chosen]) for name, dim in of_impression.items()}
        ts = self.clicks["ts"][chosen]
        return {**taken, "event_date": by_date(ts), "event_hour": by_hour(ts)}


def delivery_answers(delivery: Delivery) -> Iterator[Answer | None]:
    """Impressions and clicks by validity and class, and click-through rates."""
    of_impressions = delivery.dimensions()
    classes, ts = delivery.classes, delivery.clicks["ts"]
    of_all_clicks = {"event_date": by_date(ts), "event_hour": by_hour(ts)}
    explained = np.flatnonzero(classes != ClickClass.ORPHAN)
    of_clicks = delivery.click_dimensions(explained)

    for grain in (*TIME_GRAINS, *DIMENSION_GRAINS):
        impressions = _counts(of_impressions, grain)
        invalid = _counts(_some(of_impressions, delivery.invalid_impressions), grain)
        shown = _counts(_some(of_impressions, ~delivery.invalid_impressions), grain)
        clicks = _counts(of_clicks, grain)
        yield from _answers("gross_impressions", impressions)
        yield from _answers("invalid_impressions", invalid)
        yield from _answers("net_impressions", shown)
        gross = _counts(of_all_clicks, grain) if grain in TIME_GRAINS else clicks
        yield from _answers("gross_clicks", gross)
        by_class = {
            kind: _counts(_some(of_clicks, classes[explained] == kind), grain)
            for kind in (ClickClass.INVALID, ClickClass.REPEAT, ClickClass.NET)
        }
        for kind, counted in by_class.items():
            yield from _answers(f"{kind.name.lower()}_clicks", counted)
        yield from _rates("gross_ctr", clicks, impressions)
        yield from _rates("ctr", by_class[ClickClass.NET], shown)
        yield from _rates("invalid_rate", invalid, impressions)

    of_orphans = _some(of_all_clicks, classes == ClickClass.ORPHAN)
    for grain in ((), ("event_date",)):
        yield from _answers("orphan_clicks", _counts(of_orphans, grain))


def _some(dimensions: Dimensions, wanted: Flags) -> Dimensions:
    rows = np.flatnonzero(wanted)
    return {name: dimension.take(rows) for name, dimension in dimensions.items()}


def _rates(
    metric: str, parts: dict[Group, int], wholes: dict[Group, int]
) -> Iterator[Answer | None]:
    for group, whole in wholes.items():
        value = rate(parts.get(group, 0), whole)
        if value is not None:
            yield answer(metric, dict(group), value)


def _counts(dimensions: Dimensions, grain: tuple[str, ...]) -> dict[Group, int]:
    return dict(sums(dimensions, grain))


def _answers(metric: str, counts: dict[Group, int]) -> Iterator[Answer | None]:
    return (answer(metric, dict(group), count) for group, count in counts.items())
