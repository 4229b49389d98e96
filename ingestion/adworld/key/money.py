"""Media cost, gross billing and margin, in native and base currency.

- Media cost: a CPM of m micro-units costs exactly m billionths of a unit for an impression. Every
  impression whose bid a billing notice names costs what clears the win, in the win's currency: by
  the impression's line item and date, whenever the notice came. Without a notice, without a win
  that has come, or without a bid (direct buys) it costs nothing.
- Gross billed: CPM, the rate (micro-units, CPM) of every gross impression; CPC, the rate
  (micro-units) of every click that is no orphan, repeats included. Rate and pricing model are
  those of the line item's version at the time of the event (the click's time for a click).
  CPA bills nothing here.
- The version of an event is the one with the latest `updated_at` at or before it, else the
  earliest. Deletions are no versions.
- The date is the one in the advertiser's time zone, as the advertiser's version of that time
  has it. A click has its own date.
- Base amounts: the sums of (line item, advertiser date, currency) are converted one by one,
  rounded to nine decimals, and then added.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np

from ingestion.adworld.config import DAY_US, HOUR_US, SECOND_US, WorldConfig
from ingestion.adworld.frames import Ints
from ingestion.adworld.fx import seen
from ingestion.adworld.key.auctions import BILLIONTHS, Auctioned
from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.events import ClickClass, positions
from ingestion.adworld.key.exact import Answer, answer, rounded
from ingestion.adworld.key.groups import Dimension, by_list, date_text, sums
from ingestion.adworld.market import Row, polls
from ingestion.adworld.traffic import CLEARING

BASE = "EUR"
MILLIONTHS = 1_000_000

Money = dict[tuple[int, str, str], Fraction]
"""Amounts by line item (position), advertiser date and currency."""


class Rates:
    """Exchange rates as far as they are known.

    Args:
        known: Base, quote, date, and units of quote for one unit of base; of two rates of one
            pair and date the later one in this order counts.
    """

    def __init__(self, known: Iterable[tuple[str, str, str, Fraction]]) -> None:
        self._of_pair: dict[tuple[str, str], dict[str, Fraction]] = defaultdict(dict)
        for base, quote, day, rate in known:
            self._of_pair[base, quote][day] = rate

    def rate(self, base: str, quote: str, day: str) -> Fraction | None:
        """The rate of a day, else the last one before it; ISO dates sort as they pass."""
        rates = self._of_pair.get((base, quote), {})
        earlier = [known for known in rates if known <= day]
        return rates[max(earlier)] if earlier else None

    def convert(self, amount: Fraction, source: str, target: str, day: str) -> Fraction | None:
        """By the pair, else by its inverse, rounded; none where there is neither."""
        if source == target:
            return rounded(amount)
        direct = self.rate(source, target, day)
        if direct is not None:
            return rounded(amount * direct)
        inverse = self.rate(target, source, day)
        return None if inverse is None else rounded(amount / inverse)

    def to_base(self, amount: Fraction, currency: str, day: str) -> Fraction | None:
        """In the base currency: pair, else inverse, else by way of USD."""
        converted = self.convert(amount, currency, BASE, day)
        if converted is not None:
            return converted
        dollars = self.convert(amount, currency, "USD", day)
        return None if dollars is None else self.convert(dollars, "USD", BASE, day)


def rates_known(config: WorldConfig, day: int) -> Rates:
    """The rates that the API has shown by the end of a day."""
    return Rates(
        (*rate.pair, rate.document["rate_date"], Fraction(rate.document["rate"]))
        for rate in seen(config, day)
        if rate.bad is None
    )


@dataclass(frozen=True)
class Versions:
    """The versions of each entity that polls have seen, by `updated_at`."""

    effective: list[list[int]]
    rows: list[list[Row]]

    def at(self, entity: int, ts: int) -> Row:
        """The version of one entity at one moment."""
        earlier = sum(1 for moment in self.effective[entity] if moment <= ts)
        return self.rows[entity][max(0, earlier - 1)]

    def indices(self, entities: Ints, ts: Ints) -> Ints:
        """The same for many: position of the version among those of its entity."""
        found = np.zeros(len(entities), np.int64)
        for entity, moments in enumerate(self.effective):
            if len(moments) > 1:
                rows = np.flatnonzero(entities == entity)
                place = np.searchsorted(np.array(moments), ts[rows], side="right") - 1
                found[rows] = place.clip(0)
        return found


def versions_of(config: WorldConfig, day: int, table: str, ids: list[str]) -> Versions:
    """What polls up to a day saw of the rows of a table."""
    seen: dict[str, list[tuple[int, Row]]] = {known: [] for known in ids}
    for polled in polls(config, day):
        if polled.table == table and polled.row is not None and polled.key[0] in seen:
            seen[polled.key[0]].append((moment_us(polled.row["updated_at"]), polled.row))
    ordered = [sorted(seen[known], key=lambda version: version[0]) for known in ids]
    return Versions(
        [[moment for moment, _ in versions] for versions in ordered],
        [[row for _, row in versions] for versions in ordered],
    )


def moment_us(text: str) -> int:
    """Epoch microseconds of an RFC 3339 text."""
    since = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * SECOND_US + since.microseconds


def local_days(ts: Ints, zone: str) -> Ints:
    """Days since 1970 in a time zone.

    Offsets are looked up once an hour: the zones of the world change theirs on the hour of UTC.
    """
    hours, of_row = np.unique(ts // HOUR_US, return_inverse=True)
    info = ZoneInfo(zone)
    offsets = [
        datetime.fromtimestamp(hour * 3_600, UTC).astimezone(info).utcoffset()
        for hour in hours.tolist()
    ]
    seconds = [0 if offset is None else int(offset.total_seconds()) for offset in offsets]
    return (ts + np.array(seconds, np.int64)[of_row] * SECOND_US) // DAY_US


class Books:
    """Amounts by line item, advertiser date and currency."""

    def __init__(self, delivery: Delivery, auctioned: Auctioned, day: int) -> None:
        self.market = delivery.market
        config = delivery.config
        self.rates = rates_known(config, day)
        item_ids = [item.line_item_id for item in self.market.line_items]
        self.item_ids = item_ids
        self.items = versions_of(config, day, "line_items", item_ids)
        self.advertisers = versions_of(config, day, "advertisers", self.market.advertiser_ids)
        impressions, clicks = delivery.impressions, delivery.clicks
        explained = np.flatnonzero(delivery.classes != ClickClass.ORPHAN)
        items = impressions["line_item"].astype(np.int64)
        click_items = items[delivery.parents[explained]]
        self.media = self._media(items, impressions["ts"], auctioned)
        self.cpm = self._billed("CPM", items, impressions["ts"], BILLIONTHS)
        self.cpc = self._billed("CPC", click_items, clicks["ts"][explained], MILLIONTHS)
        self.shown = np.bincount(items, minlength=len(item_ids))

    def advertiser_days(self, items: Ints, ts: Ints) -> Ints:
        """The advertiser's date of events of line items, in days since 1970."""
        owner = np.array([item.advertiser for item in self.market.line_items], np.int64)[items]
        version = self.advertisers.indices(owner, ts)
        days = np.zeros(len(items), np.int64)
        for advertiser, rows in enumerate(self.advertisers.rows):
            for place, row in enumerate(rows):
                of_version = np.flatnonzero((owner == advertiser) & (version == place))
                days[of_version] = local_days(ts[of_version], row["time_zone"])
        return days

    def _sum(self, items: Ints, ts: Ints, currency: Dimension, micros: Ints, unit: int) -> Money:
        dimensions = {
            "line_item": Dimension(items, str),
            "advertiser_date": Dimension(self.advertiser_days(items, ts), date_text),
            "currency": currency,
        }
        return {
            (int(group[0][1]), group[1][1], group[2][1]): Fraction(total, unit)
            for group, total in sums(dimensions, tuple(dimensions), micros)
        }

    def _media(self, items: Ints, ts: Ints, auctioned: Auctioned) -> Money:
        bids, wins = auctioned.impression_bids, auctioned.wins
        win, won = positions(bids, wins["number"])
        billed = np.flatnonzero(won & np.isin(bids, auctioned.notices["number"]))
        win = win[billed]
        currency = by_list(wins["currency"][win], CLEARING)
        return self._sum(items[billed], ts[billed], currency, wins["price"][win], BILLIONTHS)

    def _billed(self, model: str, items: Ints, ts: Ints, unit: int) -> Money:
        """Rate of the version of each event, where that version has the pricing model."""
        version = self.items.indices(items, ts)
        most = max((len(rows) for rows in self.items.rows), default=1)
        rate = np.zeros((len(self.item_ids), max(1, most)), np.int64)
        currencies = sorted({row["currency"] for rows in self.items.rows for row in rows})
        currency = np.zeros_like(rate)
        for item, rows in enumerate(self.items.rows):
            for place, row in enumerate(rows):
                rate[item, place] = row["rate_micros"] if row["pricing_model"] == model else -1
                currency[item, place] = currencies.index(row["currency"])
        applies = np.flatnonzero(rate[items, version] >= 0)
        items, ts, version = items[applies], ts[applies], version[applies]
        code = by_list(currency[items, version], currencies)
        return self._sum(items, ts, code, rate[items, version], unit)

    def in_base(self, money: Money) -> dict[tuple[int, str], Fraction]:
        """Base amounts by line item and advertiser date; what has no rate is left out."""
        total: dict[tuple[int, str], Fraction] = defaultdict(Fraction)
        for (item, day, currency), amount in money.items():
            converted = self.rates.to_base(amount, currency, day)
            if converted is not None:
                total[item, day] += converted
        return total

    def owner(self, item: int, dimension: str) -> str:
        """The text of a line item, its campaign or its advertiser."""
        campaign = self.market.line_item_campaign[item]
        return {
            "line_item_id": self.item_ids[item],
            "campaign_id": self.market.campaign_ids[campaign],
            "advertiser_id": self.market.advertiser_ids[self.market.campaign_advertiser[campaign]],
        }[dimension]


NATIVE_GRAINS: tuple[tuple[str, ...], ...] = (
    ("line_item_id", "advertiser_date", "currency"),
    ("line_item_id", "currency"),
    ("campaign_id", "currency"),
    ("advertiser_id", "currency"),
    ("advertiser_date", "currency"),
    ("currency",),
)
BASE_GRAINS: tuple[tuple[str, ...], ...] = (
    ("line_item_id", "advertiser_date"),
    ("line_item_id",),
    ("campaign_id",),
    ("advertiser_id",),
    ("advertiser_date",),
    (),
)
ECPM_GRAINS: tuple[tuple[str, ...], ...] = (
    ("line_item_id",),
    ("campaign_id",),
    ("advertiser_id",),
    (),
)


def _added(
    books: Books, amounts: dict[tuple[int, str, str], Fraction], grain: tuple[str, ...]
) -> dict[tuple[tuple[str, str], ...], Fraction]:
    """Sums of amounts (by line item, date, currency) at a coarser grain."""
    total: dict[tuple[tuple[str, str], ...], Fraction] = defaultdict(Fraction)
    for (item, day, currency), amount in amounts.items():
        texts = {"advertiser_date": day, "currency": currency}
        group = tuple(
            (name, texts[name] if name in texts else books.owner(item, name)) for name in grain
        )
        total[group] += amount
    return total


def _merged(*parts: Money) -> Money:
    merged: Money = defaultdict(Fraction)
    for part in parts:
        for group, amount in part.items():
            merged[group] += amount
    return merged


def money_answers(books: Books) -> Iterator[Answer | None]:
    """Native amounts, base amounts, margin, and effective CPM."""
    billed = _merged(books.cpm, books.cpc)
    for metric, money in (("media_cost", books.media), ("gross_billed", billed)):
        for grain in NATIVE_GRAINS:
            for group, amount in _added(books, money, grain).items():
                yield answer(metric, dict(group), amount)

    # An advertiser date of a line item has one pricing model and one currency of its own, so
    # converting CPM and CPC apart gives the same as converting their sum.
    in_base = {
        "media_cost_base": books.in_base(books.media),
        "gross_billed_base": books.in_base(billed),
        "gross_cpm_billed_base": books.in_base(books.cpm),
        "gross_cpc_billed_base": books.in_base(books.cpc),
    }
    margin: dict[tuple[int, str], Fraction] = defaultdict(Fraction)
    for place, amount in in_base["gross_billed_base"].items():
        margin[place] += amount
    for place, amount in in_base["media_cost_base"].items():
        margin[place] -= amount
    for metric, amounts in (*in_base.items(), ("gross_margin_base", margin)):
        with_currency = {(item, day, BASE): amount for (item, day), amount in amounts.items()}
        for grain in BASE_GRAINS:
            for group, amount in _added(books, with_currency, grain).items():
                yield answer(metric, dict(group), amount)
    yield from _ecpm(books, in_base["gross_billed_base"])


def _ecpm(books: Books, billed: dict[tuple[int, str], Fraction]) -> Iterator[Answer | None]:
    """Billed in base currency for a thousand gross impressions, of all models together."""
    amounts = {(item, day, BASE): amount for (item, day), amount in billed.items()}
    shown = {
        (item, "", ""): Fraction(count) for item, count in enumerate(books.shown.tolist()) if count
    }
    for grain in ECPM_GRAINS:
        impressions = _added(books, shown, grain)
        for group, amount in _added(books, amounts, grain).items():
            if impressions.get(group):
                yield answer("gross_ecpm", dict(group), rounded(amount * 1000 / impressions[group]))
