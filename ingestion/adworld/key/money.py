"""Media cost, billing and margin, in native and base currency.

- Media cost: a CPM of m micro-units costs exactly m billionths of a unit for an impression. Every
  impression whose bid a billing notice names costs what clears the win, in the win's currency: by
  the impression's line item and date, valid or not, whenever the notice came. Without a notice,
  without a win that has come, or without a bid (direct buys) it costs nothing. Less the credit
  notes of exchanges, each on the first date of the month that it is for.
- Billed (spend): CPM, the rate (micro-units, CPM) of every net impression; CPC, the rate
  (micro-units) of every net click; CPA, the rate (micro-units) of every conversion, as far as it
  is attributed to the line item by the line item's own model (the model of the touch's time).
  Rate and pricing model are those of the line item's version at the time of the event: of the
  click for a click, of the conversion for a conversion.
- The date is the one in the advertiser's time zone, as the advertiser's version of that time
  has it. A click has its own date, and so has a conversion.
- Base amounts: the sums of (line item, advertiser date, currency), of each part of the billing and
  of the gross media cost, are converted one by one, rounded to nine decimals, and then added.
  Credit notes are converted note by note.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

import numpy as np

from ingestion.adworld.frames import Ints
from ingestion.adworld.key.attribution import MILLION, MODELS, Attribution, values_of
from ingestion.adworld.key.auctions import BILLIONTHS, Auctioned
from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.events import ClickClass, positions
from ingestion.adworld.key.exact import Answer, answer, rounded
from ingestion.adworld.key.groups import Dimension, by_list, date_text, sums
from ingestion.adworld.key.rates import BASE, rates_known
from ingestion.adworld.key.versions import local_days, versions_of
from ingestion.adworld.market import Key, PolledRow, Row, polls
from ingestion.adworld.traffic import CLEARING

Place = tuple[int, str]
"""A line item (position) and an advertiser date."""

Money = dict[tuple[int, str, str], Fraction]
"""Amounts by line item (position), advertiser date and currency."""

Amounts = Iterable[tuple[tuple[int, str, str], Fraction]]
"""Amounts with the same, one by one; several may have the same."""

Numbers = dict[Place, Fraction]
"""Amounts of one currency, or counts, by line item and advertiser date."""

Group = TypeVar("Group")


class Books:
    """Amounts by line item, advertiser date and currency.

    Attributes:
        cpm: Billed for net impressions.
        cpc: Billed for net clicks.
        cpa: Billed for attributed conversions.
        paid: Media cost before credit notes.
        notes: Credit notes, one by one.
        values: What attributed conversions are worth.
        shown: Net impressions.
        clicked: Net clicks.
        converted: Attributed conversions.
    """

    def __init__(
        self, delivery: Delivery, auctioned: Auctioned, attribution: Attribution, day: int
    ) -> None:
        self.market = delivery.market
        config = delivery.config
        self.rates = rates_known(config, day)
        item_ids = [item.line_item_id for item in self.market.line_items]
        self.item_ids = item_ids
        self.items = versions_of(config, day, "line_items", item_ids)
        self.advertisers = versions_of(config, day, "advertisers", self.market.advertiser_ids)
        impressions, clicks = delivery.impressions, delivery.clicks
        items = impressions["line_item"].astype(np.int64)
        valid = np.flatnonzero(~delivery.invalid_impressions)
        net = np.flatnonzero(delivery.classes == ClickClass.NET)
        of_shown = (items[valid], impressions["ts"][valid])
        of_clicks = (items[delivery.parents[net]], clicks["ts"][net])
        self.paid = self._paid(items, impressions["ts"], auctioned)
        self.cpm = self._billed("CPM", *of_shown, BILLIONTHS)
        self.cpc = self._billed("CPC", *of_clicks, MILLION)
        self.shown = self._counted(*of_shown)
        self.clicked = self._counted(*of_clicks)
        self.cpa: Money = defaultdict(Fraction)
        self.values: Money = defaultdict(Fraction)
        self.converted: Numbers = defaultdict(Fraction)
        self._convert(attribution)
        self.notes = [self._credit(note) for note in credit_notes(polls(config, day))]

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

    def _advertiser_date(self, item: int, ts: int) -> str:
        """The same for one event, as text."""
        owner = self.market.line_items[item].advertiser
        zone = self.advertisers.at(owner, ts)["time_zone"]
        return date_text(int(local_days(np.array([ts]), zone)[0]))

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

    def _counted(self, items: Ints, ts: Ints) -> Numbers:
        dimensions = {
            "line_item": Dimension(items, str),
            "advertiser_date": Dimension(self.advertiser_days(items, ts), date_text),
        }
        return {
            (int(group[0][1]), group[1][1]): Fraction(total)
            for group, total in sums(dimensions, tuple(dimensions))
        }

    def _paid(self, items: Ints, ts: Ints, auctioned: Auctioned) -> Money:
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

    def _convert(self, attribution: Attribution) -> None:
        """Conversions by the models of the touches' line items: count, value, and CPA."""
        for path in attribution.paths:
            currency = self.market.advertiser_currency[path.advertiser]
            for model in {touch.terms["attribution_model"] for touch in path.touches} & {*MODELS}:
                millionths = attribution.credits_of(path, model)
                values = values_of(path, millionths)
                for touch, credit, value in zip(path.touches, millionths, values, strict=True):
                    if touch.terms["attribution_model"] != model or not credit:
                        continue
                    item = touch.line_item
                    date = self._advertiser_date(item, path.ts)
                    terms = self.items.at(item, path.ts)
                    self.converted[item, date] += Fraction(credit, MILLION)
                    self.values[item, date, currency] += Fraction(value, MILLION)
                    if terms["pricing_model"] == "CPA":
                        amount = Fraction(terms["rate_micros"] * credit, MILLION * MILLION)
                        self.cpa[item, date, terms["currency"]] += amount
        # Parts of a conversion are parts of a millionth: rounded once, after summing.
        for place, amount in self.cpa.items():
            self.cpa[place] = rounded(amount)

    def _credit(self, note: Row) -> tuple[tuple[int, str, str], Fraction]:
        place = self.item_ids.index(note["line_item_id"]), note["for_month"], note["currency"]
        return place, Fraction(note["amount_micros"], MILLION)

    def in_base(self, amounts: Amounts) -> Numbers:
        """Base amounts by line item and advertiser date; what has no rate is left out."""
        total: Numbers = defaultdict(Fraction)
        for (item, day, currency), amount in amounts:
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


def credit_notes(seen: Iterable[PolledRow]) -> list[Row]:
    """The credit notes as they stand after all polls: corrected, and without deleted ones."""
    notes: dict[Key, Row] = {}
    for polled in seen:
        if polled.table != "credit_notes":
            continue
        if polled.row is None:
            notes.pop(polled.key, None)
        else:
            notes[polled.key] = polled.row
    return list(notes.values())


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

Sums = dict[tuple[tuple[str, str], ...], Fraction]


def _added(books: Books, amounts: Money, grain: tuple[str, ...]) -> Sums:
    """Sums of amounts (by line item, date, currency) at a coarser grain."""
    total: Sums = defaultdict(Fraction)
    for (item, day, currency), amount in amounts.items():
        texts = {"advertiser_date": day, "currency": currency}
        group = tuple(
            (name, texts[name] if name in texts else books.owner(item, name)) for name in grain
        )
        total[group] += amount
    return total


def _without_currency(numbers: Numbers) -> Money:
    return {(item, day, BASE): amount for (item, day), amount in numbers.items()}


def _merged(*parts: dict[Group, Fraction]) -> dict[Group, Fraction]:
    merged: dict[Group, Fraction] = defaultdict(Fraction)
    for part in parts:
        for group, amount in part.items():
            merged[group] += amount
    return merged


def _less(amounts: dict[Group, Fraction], taken: dict[Group, Fraction]) -> dict[Group, Fraction]:
    return _merged(amounts, {group: -amount for group, amount in taken.items()})


def money_answers(books: Books) -> Iterator[Answer | None]:
    """Native amounts, base amounts, and what they come to by impression, click, conversion."""
    credited = _merged(*({place: amount} for place, amount in books.notes))
    for metric, money in (
        ("media_cost", _less(books.paid, credited)),
        ("credit_notes", credited),
        ("billed", _merged(books.cpm, books.cpc, books.cpa)),
    ):
        for grain in NATIVE_GRAINS:
            for group, amount in _added(books, money, grain).items():
                yield answer(metric, dict(group), amount)

    parts = {name: books.in_base(getattr(books, name).items()) for name in ("cpm", "cpc", "cpa")}
    billed = _merged(*parts.values())
    credited_base = books.in_base(books.notes)
    media_cost = _less(books.in_base(books.paid.items()), credited_base)
    margin = _less(billed, media_cost)
    for metric, numbers in (
        ("media_cost_base", media_cost),
        ("credit_notes_base", credited_base),
        *((f"{name}_billed_base", amounts) for name, amounts in parts.items()),
        ("billed_base", billed),
        ("margin_base", margin),
    ):
        for grain in BASE_GRAINS:
            for group, amount in _added(books, _without_currency(numbers), grain).items():
                yield answer(metric, dict(group), amount)

    for metric, above, times, below in (
        ("margin_rate", margin, 1, billed),
        ("ecpm", billed, 1000, books.shown),
        ("ecpc", billed, 1, books.clicked),
        ("cpa", billed, 1, books.converted),
        ("roas", books.in_base(books.values.items()), 1, billed),
    ):
        for grain in BASE_GRAINS:
            wholes = _added(books, _without_currency(below), grain)
            for group, amount in _added(books, _without_currency(above), grain).items():
                if wholes.get(group):
                    yield answer(metric, dict(group), rounded(amount * times / wholes[group]))
