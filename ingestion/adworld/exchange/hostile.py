"""Auction records that break their contract in one field each, though Avro carries them well.

A value of another type cannot be in a file of the expected schema, so all of them have the right
type and a value that is not allowed. Several faults in arrays are in the last element.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from ingestion.adworld.hostile import Reason

BID_REQUESTS = "exchange.bid_requests"
BIDS = "exchange.bids"
WINS = "exchange.wins"
BILLING_NOTICES = "exchange.billing_notices"

Record = dict[str, Any]
_NOON = 1_774_699_200_000_000
_BEFORE_2000 = 946_684_799_999_999
_FROM_2100 = 4_102_444_800_000_000


@dataclass(frozen=True)
class HostileRecord:
    """One way to be wrong.

    Attributes:
        name: What is wrong, unique within the table.
        table: `<source>.<table>` whose contract it breaks.
        reason: The class it must fail with.
        build: Makes the record; the argument makes records of one case differ from each other.
    """

    name: str
    table: str
    reason: Reason
    build: Callable[[int], Record]


def request_record(n: int) -> Record:
    """A lawful bid request with two slots, of which the second has a deal."""
    return {
        "exchange": "openx",
        "id": f"hostile-{n}",
        "received_ts": _NOON,
        "imp": [
            {
                "id": str(slot + 1),
                "tagid": None,
                "ad_format": "display",
                "w": 300,
                "h": 250,
                "bidfloor": "0.5",
                "bidfloorcur": "USD",
                "deals": [{"id": f"deal-{k}", "bidfloor": "1.25"} for k in range(slot)],
            }
            for slot in range(2)
        ],
        "site": {"id": "site-01", "domain": "site0.example", "cat": [], "publisher_id": "pub-01"},
        "app": None,
        "device": {
            "ua": "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0",
            "ip": "203.0.113.9",
            "device_type": "desktop",
            "os": None,
            "geo": {"country": "DE", "region": "BE", "lat": "52.52", "lon": "13.40"},
        },
        "user": {"id": f"hostile-user-{n}", "age_band": None, "gender": None},
        "regs": {"gdpr": True, "coppa": False, "gpp": None},
        "schain": [],
        "at": 1,
        "cur": ["USD"],
        "tmax": 120,
        "ext": None,
    }


def bid_record(n: int) -> Record:
    """A lawful bid."""
    return {
        "bid_id": f"hostile-{n}",
        "exchange": "openx",
        "auction_id": f"hostile-{n}",
        "imp_id": "1",
        "line_item_id": "li-0001",
        "creative_id": "cr-0001",
        "bid_price_micros": 2_000_000,
        "currency": "USD",
        "bid_ts": _NOON,
    }


def win_record(n: int) -> Record:
    """A lawful win."""
    return {
        "bid_id": f"hostile-{n}",
        "clearing_price_micros": 1_500_000,
        "currency": "USD",
        "win_ts": _NOON,
    }


def notice_record(n: int) -> Record:
    """A lawful billing notice."""
    return {"bid_id": f"hostile-{n}", "billed_ts": _NOON}


_APP = {"id": "site-04", "bundle": "com.example.app3", "cat": ["IAB4"], "publisher_id": "pub-04"}

_REQUEST_FAULTS: tuple[tuple[str, str, object], ...] = (
    ("site and app", "app", _APP),
    ("neither site nor app", "site", None),
    ("empty identifier", "id", ""),
    ("received before 2000", "received_ts", _BEFORE_2000),
    ("received from 2100 on", "received_ts", _FROM_2100),
    ("received before 1970", "received_ts", -1),
    ("floor with a comma", "imp.1.bidfloor", "1,5"),
    ("floor with an exponent", "imp.1.bidfloor", "5e-1"),
    ("floor in words", "imp.0.bidfloor", "NaN"),
    ("floor empty", "imp.1.bidfloor", ""),
    ("floor with 10 decimals", "imp.1.bidfloor", "0.1234567890"),
    ("negative floor", "imp.1.bidfloor", "-0.5"),
    ("currency of the floor of two letters", "imp.1.bidfloorcur", "US"),
    ("floor of a deal with a plus sign", "imp.1.deals.0.bidfloor", "+1"),
    ("deal without an identifier", "imp.1.deals.0.id", ""),
    ("slot of an unknown format", "imp.1.ad_format", "audio"),
    ("slot of a negative width", "imp.1.w", -1),
    ("slot without an identifier", "imp.1.id", ""),
    ("device of an unknown type", "device.device_type", "fridge"),
    ("device type in capitals", "device.device_type", "CTV"),
    ("IP octet out of range", "device.ip", "203.0.113.256"),
    ("IP in words", "device.ip", "localhost"),
    ("IP empty", "device.ip", ""),
    ("country of three letters", "device.geo.country", "DEU"),
    ("latitude beyond the pole", "device.geo.lat", "90.01"),
    ("longitude without a whole part", "device.geo.lon", ".5"),
    ("auction type 0", "at", 0),
    ("negative time limit", "tmax", -1),
)

_BID_FAULTS: tuple[tuple[str, str, object], ...] = (
    ("empty identifier", "bid_id", ""),
    ("negative price", "bid_price_micros", -2_000_000),
    ("currency of four letters", "currency", "EURO"),
    ("bid before 2000", "bid_ts", _BEFORE_2000),
    ("bid from 2100 on", "bid_ts", _FROM_2100),
)

_WIN_FAULTS: tuple[tuple[str, str, object], ...] = (
    ("empty identifier", "bid_id", ""),
    ("negative price", "clearing_price_micros", -1),
    ("currency empty", "currency", ""),
    ("won from 2100 on", "win_ts", _FROM_2100),
)

_NOTICE_FAULTS: tuple[tuple[str, str, object], ...] = (
    ("empty identifier", "bid_id", ""),
    ("billed before 2000", "billed_ts", _BEFORE_2000),
    ("billed from 2100 on", "billed_ts", _FROM_2100),
)


def _changed(lawful: Callable[[int], Record], path: str, value: object) -> Callable[[int], Record]:
    """The lawful record with another value at a path; numbers stand for elements."""

    def build(n: int) -> Record:
        record = copy.deepcopy(lawful(n))
        *parents, last = path.split(".")
        node: Any = record
        for parent in parents:
            node = node[int(parent) if parent.isdigit() else parent]
        node[last] = value
        return record

    return build


def _cases() -> Iterator[HostileRecord]:
    for table, lawful, faults in (
        (BID_REQUESTS, request_record, _REQUEST_FAULTS),
        (BIDS, bid_record, _BID_FAULTS),
        (WINS, win_record, _WIN_FAULTS),
        (BILLING_NOTICES, notice_record, _NOTICE_FAULTS),
    ):
        for name, path, value in faults:
            reason: Reason = "privacy" if path.endswith(".ip") else "contract"
            yield HostileRecord(name, table, reason, _changed(lawful, path, value))


@cache
def hostile_records(table: str | None = None) -> tuple[HostileRecord, ...]:
    """The catalogue, in a fixed order; of one table if it is named."""
    return tuple(case for case in _cases() if table in (None, case.table))
