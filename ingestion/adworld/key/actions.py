"""Conversions and product events.

- A conversion is its `conversion_id`; its value is in its own currency.
- A product event is its `event_id` (of the value, else of the record's header), else its position
  in its topic: without an id, an event that is sent again is another event.
"""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from ingestion.adworld.frames import Flags, Ints
from ingestion.adworld.key.events import Distinct, distinct, first_loaded
from ingestion.adworld.key.exact import Answer, answer
from ingestion.adworld.key.groups import Dimension, by_date, by_list, sums
from ingestion.adworld.ledger import Ledger, Rows
from ingestion.adworld.market import market_of
from ingestion.adworld.traffic import ACTION_NAMES, CONVERSION_TYPES, PLATFORMS

HUNDREDTHS = 100


def conversion_answers(ledger: Ledger) -> Iterator[Answer | None]:
    """Conversions by type and advertiser, and their value by currency."""
    market = market_of(ledger.config)
    rows = first_loaded(ledger.file_rows("Conversions"))
    currencies = sorted(set(market.advertiser_currency))
    paid_in = np.array([currencies.index(c) for c in market.advertiser_currency], np.int64)
    dimensions = {
        "event_date": by_date(rows["ts"]),
        "advertiser_id": by_list(rows["advertiser"], market.advertiser_ids),
        "conversion_type": by_list(rows["kind"], CONVERSION_TYPES),
        "currency": by_list(paid_in[rows["advertiser"]], currencies),
    }
    for grain in (
        (),
        ("event_date",),
        ("advertiser_id",),
        ("conversion_type",),
        ("advertiser_id", "conversion_type"),
    ):
        for group, count in sums(dimensions, grain):
            yield answer("conversions", dict(group), count)
    valued = np.flatnonzero(rows["cents"] >= 0)
    some = {name: dim.take(valued) for name, dim in dimensions.items()}
    for grain in (("currency",), ("advertiser_id", "currency"), ("event_date", "currency")):
        for group, cents in sums(some, grain, rows["cents"][valued]):
            yield answer("conversion_value", dict(group), _hundredths(cents))


def _hundredths(cents: int) -> Fraction:
    return Fraction(cents, HUNDREDTHS)


def action_keys(rows: Rows) -> Ints:
    """The key of every delivered product event: its id, else a key of its own."""
    own = -1 - np.arange(len(rows["number"]), dtype=np.int64)
    return np.where(identified(rows), rows["number"], own)


def identified(rows: Rows) -> Flags:
    """Whether an event has an id, in the value or in the header."""
    return rows["identified"] > 0


def distinct_actions(rows: Rows) -> Distinct:
    """Which deliveries of product events count."""
    return distinct(action_keys(rows), rows["ts"])


def action_answers(ledger: Ledger) -> Iterator[Answer | None]:
    """Product events by date, name, platform and product, and the users that they name."""
    delivered = ledger.stream_rows("Actions")
    first = distinct_actions(delivered).first
    rows = {column: values[first] for column, values in delivered.items()}
    dimensions = {
        "event_date": by_date(rows["ts"]),
        "event_name": by_list(rows["name"], ACTION_NAMES),
        "platform": by_list(rows["platform"], PLATFORMS),
        "SKU": Dimension(rows["product"].astype(np.int64), lambda code: f"SKU-{1001 + code}"),
    }
    for grain in (
        (),
        ("event_date",),
        ("event_name",),
        ("platform",),
        ("SKU",),
        ("event_date", "event_name"),
    ):
        for group, count in sums(dimensions, grain):
            yield answer("user_actions", dict(group), count)

    named = np.flatnonzero(rows["person"] >= 0)
    user = rows["person"][named].astype(np.int64) * 2 + rows["phone"][named]
    yield answer("users", {}, len(np.unique(user)))
    days = rows["ts"][named]
    _, one_each = np.unique(by_date(days).codes * (1 << 34) + user, return_index=True)
    for group, count in sums({"event_date": by_date(days[one_each])}, ("event_date",)):
        yield answer("users", dict(group), count)
