"""The worked example of the ad-tech definitions as a tiny world, its key written by hand.

One advertiser in Berlin, two line items, four impressions, five clicks, two conversions. Events
come over the stream, conversions in a file, all on one played day (2 March 2026); the auctions in
which the impressions were bought are in `ingestion.adworld.exchange.worked_example`.

    time (UTC)        event
    03-01 22:30       impression i1, u1, L1, 300x250, clearing CPM 2.00 EUR; two intervals
    03-01 23:30       impression i2, u1, L2, 970x250, clearing CPM 3.00 EUR; one interval
    03-01 23:30:05    click c1 on i2; 23:30:06 click c2 on i2; 23:30:09 click c3 on i2
    03-02 10:00       impression i3, u1, L1, 300x250, clearing CPM 2.00 EUR; two intervals
    03-02 10:05       impression i4, u2, L1, user agent of a declared bot, clearing CPM 1.00 EUR
    03-02 10:06       click c4 on i4; click c5 on an impression that does not exist
    03-02 12:00       conversion k1, u1, A1, purchase, 90.00 EUR
    03-02 13:00       conversion k2, u2, A1, signup, no value

L1: CPM, 4.00 EUR, channel display. L2: CPC, 0.50 EUR, channel social. Berlin is an hour ahead of
UTC, so i1 falls on 1 March there, and everything else on 2 March.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from ingestion.adworld.exchange import worked_example as auctions
from ingestion.adworld.fx import Rate
from ingestion.adworld.key.exact import Answer
from ingestion.adworld.market import Change, Row, key_of
from ingestion.adworld.program import Message
from ingestion.adworld.wire import csv_line
from ingestion.contracts import load_contract

START = date(2026, 3, 2)
"""The only day of the example, on which its events of both dates arrive."""

_PERSON_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
_BOT_AGENT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
_CREATED = "2026-02-01T00:00:00.000000Z"


# ---------------------------------------------------------------- the campaigns database

_ROWS: tuple[tuple[str, Row], ...] = (
    (
        "advertisers",
        {
            "advertiser_id": "A1",
            "name": "Advertiser A1",
            "time_zone": "Europe/Berlin",
            "currency": "EUR",
            "industry": None,
            "website_domain": None,
            "crunchbase_permalink": None,
        },
    ),
    (
        "campaigns",
        {
            "campaign_id": "C1",
            "advertiser_id": "A1",
            "name": "Campaign C1",
            "objective": None,
            "budget_micros": 1_000_000_000,
            "currency": "EUR",
            "start_at": _CREATED,
            "end_at": None,
            "status": "active",
        },
    ),
    *(
        (
            "line_items",
            {
                "line_item_id": line_item_id,
                "campaign_id": "C1",
                "name": f"Line item {line_item_id}",
                "pricing_model": pricing_model,
                "rate_micros": rate_micros,
                "currency": "EUR",
                "budget_micros": 500_000_000,
                "flight_start_at": _CREATED,
                "flight_end_at": "2026-04-01T00:00:00.000000Z",
                "pacing": "even",
                "frequency_cap_count": None,
                "frequency_cap_hours": None,
                "channel": channel,
                "conversion_types": None,
                "attribution_model": "last",
                "view_window_hours": 24,
                "click_window_days": 30,
                "status": "active",
            },
        )
        for line_item_id, pricing_model, rate_micros, channel in (
            ("L1", "CPM", 4_000_000, "display"),
            ("L2", "CPC", 500_000, "social"),
        )
    ),
    *(
        (
            "creatives",
            {
                "creative_id": creative_id,
                "advertiser_id": "A1",
                "name": f"Creative {creative_id}",
                "ad_format": "display",
                "width": width,
                "height": 250,
                "duration_ms": None,
                "landing_domain": "a1.example",
            },
        )
        for creative_id, width in (("R1", 300), ("R2", 970))
    ),
    *(
        (
            "line_item_creatives",
            {
                "line_item_id": line_item_id,
                "creative_id": creative_id,
                "experiment_arm": None,
                "weight": 100,
                "start_at": _CREATED,
                "end_at": None,
            },
        )
        for line_item_id, creative_id in (("L1", "R1"), ("L2", "R2"))
    ),
    ("publishers", {"publisher_id": "P1", "name": "Publisher P1", "domain": "p1.example"}),
    (
        "sites",
        {
            "site_id": "S1",
            "publisher_id": "P1",
            "kind": "site",
            "domain_or_bundle": "p1.example",
            "iab_category": "IAB1",
        },
    ),
    *(
        (
            "placements",
            {
                "placement_id": placement_id,
                "site_id": "S1",
                "name": f"Placement {placement_id}",
                "ad_format": "display",
                "width": width,
                "height": 250,
                "floor_micros": 100_000,
                "currency": "EUR",
            },
        )
        for placement_id, width in (("T1", 300), ("T2", 970))
    ),
)


@cache
def changes() -> list[Change]:
    """The rows of the campaigns database, all there before the first event."""
    return [
        Change(table, key_of(table, row), {**row, "updated_at": _CREATED}) for table, row in _ROWS
    ]


# ---------------------------------------------------------------- the FX API

RATES: tuple[Rate, ...] = (
    Rate(
        published=1,
        document={
            "rate_date": "2026-03-02",
            "base": "USD",
            "quote": "EUR",
            "rate": "0.921500000",
        },
        bad=None,
        rate_date=date(2026, 3, 2),
    ),
)
"""A rate that no amount needs: everything is in EUR."""


# ---------------------------------------------------------------- the stream


def _event(serial: int, kind: str, moment: str, payload: Mapping[str, Any]) -> bytes:
    return orjson.dumps(
        {
            "event_id": f"019cab00-0000-7000-8000-{serial:012d}",
            "event_type": kind,
            "event_ts": moment,
            "producer_id": "px-1",
            "seq": serial,
            "schema_version": 1,
            kind: payload,
        }
    )


def _impression(
    impression_id: str, user: str, line_item: str, price_micros: int, agent: str = _PERSON_AGENT
) -> dict[str, Any]:
    large = line_item == "L2"
    return {
        "impression_id": impression_id,
        "exchange": "openx",
        "auction_id": f"auction-{impression_id}",
        "imp_id": "1",
        "bid_id": f"bid-{impression_id}",
        "line_item_id": line_item,
        "creative_id": "R2" if large else "R1",
        "placement_id": "T2" if large else "T1",
        "user_id": user,
        "ip": "192.0.2.1" if user == "u1" else "192.0.2.2",
        "user_agent": agent,
        "country": "DE",
        "region": "BE",
        "latitude": "52.52",
        "longitude": "13.40",
        "device_type": "desktop",
        "ad_format": "display",
        "width": 970 if large else 300,
        "height": 250,
        "clearing_price_micros": price_micros,
        "currency": "EUR",
        "channel": "social" if large else "display",
        "experiment_arm": None,
        "page_url": "https://p1.example/news",
        "is_prefetch": False,
        "consent": {"gdpr_applies": True, "tcf": "CPxyz", "gpp": None, "personal": True},
    }


def _interval(
    impression_id: str, sequence: int, start_ms: int, end_ms: int, fraction: str
) -> dict[str, Any]:
    return {
        "impression_id": impression_id,
        "sequence": sequence,
        "start_ms": start_ms,
        "end_ms": end_ms,
        "in_view_fraction": fraction,
        "measurable": True,
        "playing": None,
        "position_ms": None,
    }


def _click(click_id: str, impression_id: str, user: str, agent: str) -> dict[str, Any]:
    return {
        "click_id": click_id,
        "impression_id": impression_id,
        "user_id": user,
        "ip": "192.0.2.1" if user == "u1" else "192.0.2.2",
        "user_agent": agent,
        "landing_url": "https://a1.example/",
    }


_EVENTS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("u1", "impression", "2026-03-01T22:30:00Z", _impression("i1", "u1", "L1", 2_000_000)),
    ("u1", "viewability", "2026-03-01T22:30:00.400Z", _interval("i1", 0, 0, 400, "0.60")),
    ("u1", "viewability", "2026-03-01T22:30:01.300Z", _interval("i1", 1, 500, 1300, "0.55")),
    ("u1", "impression", "2026-03-01T23:30:00Z", _impression("i2", "u1", "L2", 3_000_000)),
    ("u1", "viewability", "2026-03-01T23:30:01Z", _interval("i2", 0, 0, 1000, "0.35")),
    ("u1", "click", "2026-03-01T23:30:05Z", _click("c1", "i2", "u1", _PERSON_AGENT)),
    ("u1", "click", "2026-03-01T23:30:06Z", _click("c2", "i2", "u1", _PERSON_AGENT)),
    ("u1", "click", "2026-03-01T23:30:09Z", _click("c3", "i2", "u1", _PERSON_AGENT)),
    ("u1", "impression", "2026-03-02T10:00:00Z", _impression("i3", "u1", "L1", 2_000_000)),
    ("u1", "viewability", "2026-03-02T10:00:00.600Z", _interval("i3", 0, 0, 600, "0.80")),
    ("u1", "viewability", "2026-03-02T10:00:01.700Z", _interval("i3", 1, 900, 1700, "0.80")),
    (
        "u2",
        "impression",
        "2026-03-02T10:05:00Z",
        _impression("i4", "u2", "L1", 1_000_000, _BOT_AGENT),
    ),
    ("u2", "click", "2026-03-02T10:06:00Z", _click("c4", "i4", "u2", _BOT_AGENT)),
    ("u2", "click", "2026-03-02T10:06:00Z", _click("c5", "no-such-impression", "u2", _BOT_AGENT)),
)

MESSAGES: tuple[Message, ...] = tuple(
    (
        "ad-events",
        0 if user == "u1" else 1,
        user.encode(),
        _event(serial, kind, moment, payload),
        None,
    )
    for serial, (user, kind, moment, payload) in enumerate(_EVENTS)
)
"""The stream: 4 impressions, 5 intervals, 5 clicks."""


# ---------------------------------------------------------------- the files


@cache
def files() -> tuple[tuple[str, bytes], ...]:
    """One file of conversions, and those of the auctions."""
    header = [field.name for field in load_contract("adserver", "conversions").fields]
    lines = (
        header,
        ("k1", "2026-03-02T12:00:00Z", "A1", "u1", None, "purchase", "90.00", "EUR", "o1"),
        ("k2", "2026-03-02T13:00:00Z", "A1", "u2", None, "signup", None, None, None),
    )
    content = b"\n".join(csv_line(line) for line in lines) + b"\n"
    return (("adserver/conversions-2026-03-02T12.csv", content), *auctions.files())


# ---------------------------------------------------------------- the key, by hand

_FIRST, _SECOND = "2026-03-01", "2026-03-02"


def _each(
    metric: str, dims: dict[str, str], value: str
) -> tuple[tuple[str, dict[str, str], str], ...]:
    """One figure at several grains of one dimension."""
    return tuple((metric, {name: text}, value) for name, text in dims.items())


def _halves(
    metric: str, dims: dict[str, str], of_views: str, of_clicks: str
) -> Iterator[tuple[str, dict[str, str], str]]:
    """What the views of L1 have, and the clicks of L2, at the grains that tell them apart."""
    of_l1 = {"line_item_id": "L1", "channel": "display", "touch_type": "view"}
    of_l2 = {"line_item_id": "L2", "channel": "social", "touch_type": "click"}
    for texts, value in ((of_l1, of_views), (of_l2, of_clicks)):
        for names in (("line_item_id",), ("channel",), ("touch_type",), tuple(texts)[::2]):
            if value != "0":
                yield metric, {**dims, **{name: texts[name] for name in names}}, value


def _attributed(
    model: str, of_l1: str, of_l2: str, value_of_l1: str, value_of_l2: str
) -> Iterator[tuple[str, dict[str, str], str]]:
    """k1 (90.00 EUR) by one model: conversions and value of i1 and i3 (L1), of c1 and c3 (L2)."""
    by_model = {"attribution_model": model}
    whole = {"event_date": _SECOND, "advertiser_id": "A1", "campaign_id": "C1"}
    yield "attributed_conversions", by_model, "1"
    for name, text in {**whole, "conversion_type": "purchase"}.items():
        yield "attributed_conversions", {**by_model, name: text}, "1"
    yield from _halves("attributed_conversions", by_model, of_l1, of_l2)
    euro = {"currency": "EUR"}
    yield "attributed_value", {**by_model, **euro}, "90"
    for name, text in whole.items():
        yield "attributed_value", {**by_model, name: text, **euro}, "90"
    for metric, dims, value in _halves("attributed_value", by_model, value_of_l1, value_of_l2):
        if "touch_type" not in dims or "line_item_id" not in dims:
            yield metric, {**dims, **euro}, value
    # Two net clicks, both of L2.
    if of_l2 != "0":
        text = format(Decimal(of_l2) / 2, "f")
        yield "cvr", {**by_model, "line_item_id": "L2"}, text


_MARCH = {"month": "2026-03-01"}


def _fitted(
    model: str, display: tuple[str, str], social: tuple[str, str]
) -> Iterator[tuple[str, dict[str, str], str]]:
    """Weight and share of both channels; the path began in an even second, so half a has it."""
    for channel, (weight, share) in (("display", display), ("social", social)):
        dims = {**_MARCH, "attribution_model": model, "channel": channel}
        yield "channel_weight", dims, weight
        yield "channel_share", dims, share
        yield "channel_share_half_a", dims, share


_FIGURES: tuple[tuple[str, dict[str, str], str], ...] = (
    # Impressions: i1 to i4. i4 is a bot's; gross figures count it.
    ("gross_impressions", {}, "4"),
    # UTC dates: i1 (22:30) and i2 (23:30) on the first, i3 and i4 on the second.
    ("gross_impressions", {"event_date": _FIRST}, "2"),
    ("gross_impressions", {"event_date": _SECOND}, "2"),
    ("gross_impressions", {"event_date": _FIRST, "event_hour": "22"}, "1"),
    ("gross_impressions", {"event_date": _FIRST, "event_hour": "23"}, "1"),
    ("gross_impressions", {"event_date": _SECOND, "event_hour": "10"}, "2"),
    # L1: i1, i3, i4. L2: i2. One campaign and one advertiser have all four.
    ("gross_impressions", {"line_item_id": "L1"}, "3"),
    ("gross_impressions", {"line_item_id": "L2"}, "1"),
    ("gross_impressions", {"campaign_id": "C1"}, "4"),
    ("gross_impressions", {"advertiser_id": "A1"}, "4"),
    ("gross_impressions", {"creative_id": "R1"}, "3"),
    ("gross_impressions", {"creative_id": "R2"}, "1"),
    ("gross_impressions", {"placement_id": "T1"}, "3"),
    ("gross_impressions", {"placement_id": "T2"}, "1"),
    ("gross_impressions", {"site_id": "S1"}, "4"),
    ("gross_impressions", {"publisher_id": "P1"}, "4"),
    ("gross_impressions", {"channel": "display"}, "3"),
    ("gross_impressions", {"channel": "social"}, "1"),
    ("gross_impressions", {"country": "DE"}, "4"),
    ("gross_impressions", {"device_type": "desktop"}, "4"),
    ("gross_impressions", {"ad_format": "display"}, "4"),
    ("gross_impressions", {"event_date": _FIRST, "campaign_id": "C1"}, "2"),
    ("gross_impressions", {"event_date": _SECOND, "campaign_id": "C1"}, "2"),
    # Invalid: i4, whose user agent is a declared bot's; the second, 10 h, L1.
    ("invalid_impressions", {}, "1"),
    ("invalid_impressions", {"event_date": _SECOND}, "1"),
    ("invalid_impressions", {"event_date": _SECOND, "event_hour": "10"}, "1"),
    ("invalid_impressions", {"line_item_id": "L1"}, "1"),
    ("invalid_impressions", {"campaign_id": "C1"}, "1"),
    ("invalid_impressions", {"advertiser_id": "A1"}, "1"),
    ("invalid_impressions", {"creative_id": "R1"}, "1"),
    ("invalid_impressions", {"placement_id": "T1"}, "1"),
    ("invalid_impressions", {"site_id": "S1"}, "1"),
    ("invalid_impressions", {"publisher_id": "P1"}, "1"),
    ("invalid_impressions", {"channel": "display"}, "1"),
    ("invalid_impressions", {"country": "DE"}, "1"),
    ("invalid_impressions", {"device_type": "desktop"}, "1"),
    ("invalid_impressions", {"ad_format": "display"}, "1"),
    ("invalid_impressions", {"event_date": _SECOND, "campaign_id": "C1"}, "1"),
    # The part that is invalid: i4 of i1 to i4; of i3 and i4 on the second; of i1, i3, i4 on L1.
    ("invalid_rate", {}, "0.25"),
    ("invalid_rate", {"event_date": _SECOND}, "0.5"),
    ("invalid_rate", {"event_date": _SECOND, "event_hour": "10"}, "0.5"),
    ("invalid_rate", {"line_item_id": "L1"}, "0.333333333"),
    ("invalid_rate", {"campaign_id": "C1"}, "0.25"),
    ("invalid_rate", {"advertiser_id": "A1"}, "0.25"),
    ("invalid_rate", {"creative_id": "R1"}, "0.333333333"),
    ("invalid_rate", {"placement_id": "T1"}, "0.333333333"),
    ("invalid_rate", {"site_id": "S1"}, "0.25"),
    ("invalid_rate", {"publisher_id": "P1"}, "0.25"),
    ("invalid_rate", {"channel": "display"}, "0.333333333"),
    ("invalid_rate", {"country": "DE"}, "0.25"),
    ("invalid_rate", {"device_type": "desktop"}, "0.25"),
    ("invalid_rate", {"ad_format": "display"}, "0.25"),
    ("invalid_rate", {"event_date": _SECOND, "campaign_id": "C1"}, "0.5"),
    # Net: i1, i2, i3. L1: i1, i3. L2: i2.
    ("net_impressions", {}, "3"),
    ("net_impressions", {"event_date": _FIRST}, "2"),
    ("net_impressions", {"event_date": _SECOND}, "1"),
    ("net_impressions", {"event_date": _FIRST, "event_hour": "22"}, "1"),
    ("net_impressions", {"event_date": _FIRST, "event_hour": "23"}, "1"),
    ("net_impressions", {"event_date": _SECOND, "event_hour": "10"}, "1"),
    ("net_impressions", {"line_item_id": "L1"}, "2"),
    ("net_impressions", {"line_item_id": "L2"}, "1"),
    ("net_impressions", {"campaign_id": "C1"}, "3"),
    ("net_impressions", {"advertiser_id": "A1"}, "3"),
    ("net_impressions", {"creative_id": "R1"}, "2"),
    ("net_impressions", {"creative_id": "R2"}, "1"),
    ("net_impressions", {"placement_id": "T1"}, "2"),
    ("net_impressions", {"placement_id": "T2"}, "1"),
    ("net_impressions", {"site_id": "S1"}, "3"),
    ("net_impressions", {"publisher_id": "P1"}, "3"),
    ("net_impressions", {"channel": "display"}, "2"),
    ("net_impressions", {"channel": "social"}, "1"),
    ("net_impressions", {"country": "DE"}, "3"),
    ("net_impressions", {"device_type": "desktop"}, "3"),
    ("net_impressions", {"ad_format": "display"}, "3"),
    ("net_impressions", {"event_date": _FIRST, "campaign_id": "C1"}, "2"),
    ("net_impressions", {"event_date": _SECOND, "campaign_id": "C1"}, "1"),
    # Clicks: c1 to c5 in total and by date; c5 has no impression, so at dimensions 3 on i2
    # (L2, R2, T2, social) and 1 on i4 (L1, R1, T1, display).
    ("gross_clicks", {}, "5"),
    ("gross_clicks", {"event_date": _FIRST}, "3"),
    ("gross_clicks", {"event_date": _SECOND}, "2"),
    ("gross_clicks", {"event_date": _FIRST, "event_hour": "23"}, "3"),
    ("gross_clicks", {"event_date": _SECOND, "event_hour": "10"}, "2"),
    ("gross_clicks", {"line_item_id": "L1"}, "1"),
    ("gross_clicks", {"line_item_id": "L2"}, "3"),
    ("gross_clicks", {"campaign_id": "C1"}, "4"),
    ("gross_clicks", {"advertiser_id": "A1"}, "4"),
    ("gross_clicks", {"creative_id": "R1"}, "1"),
    ("gross_clicks", {"creative_id": "R2"}, "3"),
    ("gross_clicks", {"placement_id": "T1"}, "1"),
    ("gross_clicks", {"placement_id": "T2"}, "3"),
    ("gross_clicks", {"site_id": "S1"}, "4"),
    ("gross_clicks", {"publisher_id": "P1"}, "4"),
    ("gross_clicks", {"channel": "display"}, "1"),
    ("gross_clicks", {"channel": "social"}, "3"),
    ("gross_clicks", {"country": "DE"}, "4"),
    ("gross_clicks", {"device_type": "desktop"}, "4"),
    ("gross_clicks", {"ad_format": "display"}, "4"),
    ("gross_clicks", {"event_date": _FIRST, "campaign_id": "C1"}, "3"),
    ("gross_clicks", {"event_date": _SECOND, "campaign_id": "C1"}, "1"),
    # Orphan: c5.
    ("orphan_clicks", {}, "1"),
    ("orphan_clicks", {"event_date": _SECOND}, "1"),
    # Repeat: c2, 1 s after c1. c3 comes 3 s after c2 and is none.
    ("repeat_clicks", {}, "1"),
    ("repeat_clicks", {"event_date": _FIRST}, "1"),
    ("repeat_clicks", {"event_date": _FIRST, "event_hour": "23"}, "1"),
    ("repeat_clicks", {"line_item_id": "L2"}, "1"),
    ("repeat_clicks", {"campaign_id": "C1"}, "1"),
    ("repeat_clicks", {"advertiser_id": "A1"}, "1"),
    ("repeat_clicks", {"creative_id": "R2"}, "1"),
    ("repeat_clicks", {"placement_id": "T2"}, "1"),
    ("repeat_clicks", {"site_id": "S1"}, "1"),
    ("repeat_clicks", {"publisher_id": "P1"}, "1"),
    ("repeat_clicks", {"channel": "social"}, "1"),
    ("repeat_clicks", {"country": "DE"}, "1"),
    ("repeat_clicks", {"device_type": "desktop"}, "1"),
    ("repeat_clicks", {"ad_format": "display"}, "1"),
    ("repeat_clicks", {"event_date": _FIRST, "campaign_id": "C1"}, "1"),
    # Invalid: c4 is a bot's, as its impression i4 is (L1, R1, T1, display).
    ("invalid_clicks", {}, "1"),
    ("invalid_clicks", {"event_date": _SECOND}, "1"),
    ("invalid_clicks", {"event_date": _SECOND, "event_hour": "10"}, "1"),
    ("invalid_clicks", {"line_item_id": "L1"}, "1"),
    ("invalid_clicks", {"campaign_id": "C1"}, "1"),
    ("invalid_clicks", {"advertiser_id": "A1"}, "1"),
    ("invalid_clicks", {"creative_id": "R1"}, "1"),
    ("invalid_clicks", {"placement_id": "T1"}, "1"),
    ("invalid_clicks", {"site_id": "S1"}, "1"),
    ("invalid_clicks", {"publisher_id": "P1"}, "1"),
    ("invalid_clicks", {"channel": "display"}, "1"),
    ("invalid_clicks", {"country": "DE"}, "1"),
    ("invalid_clicks", {"device_type": "desktop"}, "1"),
    ("invalid_clicks", {"ad_format": "display"}, "1"),
    ("invalid_clicks", {"event_date": _SECOND, "campaign_id": "C1"}, "1"),
    # Net: c1 and c3, both on i2 (L2, R2, T2, social).
    ("net_clicks", {}, "2"),
    ("net_clicks", {"event_date": _FIRST}, "2"),
    ("net_clicks", {"event_date": _FIRST, "event_hour": "23"}, "2"),
    ("net_clicks", {"line_item_id": "L2"}, "2"),
    ("net_clicks", {"campaign_id": "C1"}, "2"),
    ("net_clicks", {"advertiser_id": "A1"}, "2"),
    ("net_clicks", {"creative_id": "R2"}, "2"),
    ("net_clicks", {"placement_id": "T2"}, "2"),
    ("net_clicks", {"site_id": "S1"}, "2"),
    ("net_clicks", {"publisher_id": "P1"}, "2"),
    ("net_clicks", {"channel": "social"}, "2"),
    ("net_clicks", {"country": "DE"}, "2"),
    ("net_clicks", {"device_type": "desktop"}, "2"),
    ("net_clicks", {"ad_format": "display"}, "2"),
    ("net_clicks", {"event_date": _FIRST, "campaign_id": "C1"}, "2"),
    # Gross CTR: clicks that are no orphans / gross impressions. All: 4 / 4.
    ("gross_ctr", {}, "1"),
    # First: c1, c2, c3 / i1, i2. Second: c4 / i3, i4.
    ("gross_ctr", {"event_date": _FIRST}, "1.5"),
    ("gross_ctr", {"event_date": _SECOND}, "0.5"),
    # 22 h: no click, a rate of zero, left out. 23 h: 3 / i2. 10 h: 1 / i3, i4.
    ("gross_ctr", {"event_date": _FIRST, "event_hour": "23"}, "3"),
    ("gross_ctr", {"event_date": _SECOND, "event_hour": "10"}, "0.5"),
    # L1: 1 / 3, to nine decimals. L2: 3 / 1.
    ("gross_ctr", {"line_item_id": "L1"}, "0.333333333"),
    ("gross_ctr", {"line_item_id": "L2"}, "3"),
    ("gross_ctr", {"campaign_id": "C1"}, "1"),
    ("gross_ctr", {"advertiser_id": "A1"}, "1"),
    ("gross_ctr", {"creative_id": "R1"}, "0.333333333"),
    ("gross_ctr", {"creative_id": "R2"}, "3"),
    ("gross_ctr", {"placement_id": "T1"}, "0.333333333"),
    ("gross_ctr", {"placement_id": "T2"}, "3"),
    ("gross_ctr", {"site_id": "S1"}, "1"),
    ("gross_ctr", {"publisher_id": "P1"}, "1"),
    ("gross_ctr", {"channel": "display"}, "0.333333333"),
    ("gross_ctr", {"channel": "social"}, "3"),
    ("gross_ctr", {"country": "DE"}, "1"),
    ("gross_ctr", {"device_type": "desktop"}, "1"),
    ("gross_ctr", {"ad_format": "display"}, "1"),
    ("gross_ctr", {"event_date": _FIRST, "campaign_id": "C1"}, "1.5"),
    ("gross_ctr", {"event_date": _SECOND, "campaign_id": "C1"}, "0.5"),
    # Why: i4 and c4 by their own user agent, on 2 March, bought on openx, on S1, for C1.
    ("invalid_impressions", {"reason": "givt_bot_user_agent"}, "1"),
    ("invalid_impressions", {"reason": "givt_bot_user_agent", "event_date": _SECOND}, "1"),
    ("invalid_impressions", {"reason": "givt_bot_user_agent", "exchange": "openx"}, "1"),
    ("invalid_impressions", {"reason": "givt_bot_user_agent", "site_id": "S1"}, "1"),
    ("invalid_impressions", {"reason": "givt_bot_user_agent", "campaign_id": "C1"}, "1"),
    ("invalid_impressions", {"invalid_traffic_type": "GIVT"}, "1"),
    ("invalid_clicks", {"reason": "givt_bot_user_agent"}, "1"),
    ("invalid_clicks", {"reason": "givt_bot_user_agent", "event_date": _SECOND}, "1"),
    ("invalid_clicks", {"reason": "givt_bot_user_agent", "exchange": "openx"}, "1"),
    ("invalid_clicks", {"reason": "givt_bot_user_agent", "site_id": "S1"}, "1"),
    ("invalid_clicks", {"reason": "givt_bot_user_agent", "campaign_id": "C1"}, "1"),
    ("invalid_clicks", {"invalid_traffic_type": "GIVT"}, "1"),
    # Any reason: c4 is on an invalid impression, too. c5 is an orphan and no invalid click.
    ("any_reason_impressions", {"reason": "givt_bot_user_agent"}, "1"),
    ("any_reason_impressions", {"reason": "givt_bot_user_agent", "event_date": _SECOND}, "1"),
    ("any_reason_impressions", {"reason": "givt_bot_user_agent", "exchange": "openx"}, "1"),
    ("any_reason_impressions", {"reason": "givt_bot_user_agent", "site_id": "S1"}, "1"),
    ("any_reason_impressions", {"reason": "givt_bot_user_agent", "campaign_id": "C1"}, "1"),
    ("any_reason_clicks", {"reason": "givt_bot_user_agent"}, "1"),
    ("any_reason_clicks", {"reason": "givt_bot_user_agent", "event_date": _SECOND}, "1"),
    ("any_reason_clicks", {"reason": "givt_bot_user_agent", "exchange": "openx"}, "1"),
    ("any_reason_clicks", {"reason": "givt_bot_user_agent", "site_id": "S1"}, "1"),
    ("any_reason_clicks", {"reason": "givt_bot_user_agent", "campaign_id": "C1"}, "1"),
    ("any_reason_clicks", {"reason": "invalid_impression"}, "1"),
    ("any_reason_clicks", {"reason": "invalid_impression", "event_date": _SECOND}, "1"),
    ("any_reason_clicks", {"reason": "invalid_impression", "exchange": "openx"}, "1"),
    ("any_reason_clicks", {"reason": "invalid_impression", "site_id": "S1"}, "1"),
    ("any_reason_clicks", {"reason": "invalid_impression", "campaign_id": "C1"}, "1"),
    # CTR: c1, c3 / i1, i2, i3. First: c1, c3 / i1, i2; 23 h and L2: c1, c3 / i2. Second: no net
    # click, a rate of zero, left out.
    ("ctr", {}, "0.666666667"),
    ("ctr", {"event_date": _FIRST}, "1"),
    ("ctr", {"event_date": _FIRST, "event_hour": "23"}, "2"),
    ("ctr", {"line_item_id": "L2"}, "2"),
    ("ctr", {"campaign_id": "C1"}, "0.666666667"),
    ("ctr", {"advertiser_id": "A1"}, "0.666666667"),
    ("ctr", {"creative_id": "R2"}, "2"),
    ("ctr", {"placement_id": "T2"}, "2"),
    ("ctr", {"site_id": "S1"}, "0.666666667"),
    ("ctr", {"publisher_id": "P1"}, "0.666666667"),
    ("ctr", {"channel": "social"}, "2"),
    ("ctr", {"country": "DE"}, "0.666666667"),
    ("ctr", {"device_type": "desktop"}, "0.666666667"),
    ("ctr", {"ad_format": "display"}, "0.666666667"),
    ("ctr", {"event_date": _FIRST, "campaign_id": "C1"}, "1"),
    # Media cost. Advertiser dates are Berlin's: i1 at 23:30 on the first, i2 at 00:30 on the
    # second. L1 first: i1 2.00 / 1000. L1 second: i3 0.002 + i4 0.001. L2 second: i2 0.003. All
    # four are billed: i2's notice of the second counts where i2 does.
    (
        "media_cost",
        {"line_item_id": "L1", "advertiser_date": _FIRST, "currency": "EUR"},
        "0.002",
    ),
    (
        "media_cost",
        {"line_item_id": "L1", "advertiser_date": _SECOND, "currency": "EUR"},
        "0.003",
    ),
    (
        "media_cost",
        {"line_item_id": "L2", "advertiser_date": _SECOND, "currency": "EUR"},
        "0.003",
    ),
    ("media_cost", {"line_item_id": "L1", "currency": "EUR"}, "0.005"),
    ("media_cost", {"line_item_id": "L2", "currency": "EUR"}, "0.003"),
    ("media_cost", {"campaign_id": "C1", "currency": "EUR"}, "0.008"),
    ("media_cost", {"advertiser_id": "A1", "currency": "EUR"}, "0.008"),
    ("media_cost", {"advertiser_date": _FIRST, "currency": "EUR"}, "0.002"),
    ("media_cost", {"advertiser_date": _SECOND, "currency": "EUR"}, "0.006"),
    ("media_cost", {"currency": "EUR"}, "0.008"),
    # The same in EUR, the base currency.
    ("media_cost_base", {"line_item_id": "L1", "advertiser_date": _FIRST}, "0.002"),
    ("media_cost_base", {"line_item_id": "L1", "advertiser_date": _SECOND}, "0.003"),
    ("media_cost_base", {"line_item_id": "L2", "advertiser_date": _SECOND}, "0.003"),
    ("media_cost_base", {"line_item_id": "L1"}, "0.005"),
    ("media_cost_base", {"line_item_id": "L2"}, "0.003"),
    ("media_cost_base", {"campaign_id": "C1"}, "0.008"),
    ("media_cost_base", {"advertiser_id": "A1"}, "0.008"),
    ("media_cost_base", {"advertiser_date": _FIRST}, "0.002"),
    ("media_cost_base", {"advertiser_date": _SECOND}, "0.006"),
    ("media_cost_base", {}, "0.008"),
    # Billed. L1 (CPM 4.00): i1 on the first, i3 on the second; i4 is invalid. L2 (CPC 0.50): c1 and
    # c3 on the second in Berlin; c2 is a repeat. The click c4 on L1 bills nothing, as L1 pays for
    # impressions, nor does k1, since neither line item pays for conversions.
    ("billed", {"line_item_id": "L1", "advertiser_date": _FIRST, "currency": "EUR"}, "0.004"),
    ("billed", {"line_item_id": "L1", "advertiser_date": _SECOND, "currency": "EUR"}, "0.004"),
    ("billed", {"line_item_id": "L2", "advertiser_date": _SECOND, "currency": "EUR"}, "1"),
    ("billed", {"line_item_id": "L1", "currency": "EUR"}, "0.008"),
    ("billed", {"line_item_id": "L2", "currency": "EUR"}, "1"),
    ("billed", {"campaign_id": "C1", "currency": "EUR"}, "1.008"),
    ("billed", {"advertiser_id": "A1", "currency": "EUR"}, "1.008"),
    ("billed", {"advertiser_date": _FIRST, "currency": "EUR"}, "0.004"),
    ("billed", {"advertiser_date": _SECOND, "currency": "EUR"}, "1.004"),
    ("billed", {"currency": "EUR"}, "1.008"),
    ("billed_base", {"line_item_id": "L1", "advertiser_date": _FIRST}, "0.004"),
    ("billed_base", {"line_item_id": "L1", "advertiser_date": _SECOND}, "0.004"),
    ("billed_base", {"line_item_id": "L2", "advertiser_date": _SECOND}, "1"),
    ("billed_base", {"line_item_id": "L1"}, "0.008"),
    ("billed_base", {"line_item_id": "L2"}, "1"),
    ("billed_base", {"campaign_id": "C1"}, "1.008"),
    ("billed_base", {"advertiser_id": "A1"}, "1.008"),
    ("billed_base", {"advertiser_date": _FIRST}, "0.004"),
    ("billed_base", {"advertiser_date": _SECOND}, "1.004"),
    ("billed_base", {}, "1.008"),
    # CPM is L1's part, CPC is L2's.
    ("cpm_billed_base", {"line_item_id": "L1", "advertiser_date": _FIRST}, "0.004"),
    ("cpm_billed_base", {"line_item_id": "L1", "advertiser_date": _SECOND}, "0.004"),
    ("cpm_billed_base", {"line_item_id": "L1"}, "0.008"),
    ("cpm_billed_base", {"campaign_id": "C1"}, "0.008"),
    ("cpm_billed_base", {"advertiser_id": "A1"}, "0.008"),
    ("cpm_billed_base", {"advertiser_date": _FIRST}, "0.004"),
    ("cpm_billed_base", {"advertiser_date": _SECOND}, "0.004"),
    ("cpm_billed_base", {}, "0.008"),
    ("cpc_billed_base", {"line_item_id": "L2", "advertiser_date": _SECOND}, "1"),
    ("cpc_billed_base", {"line_item_id": "L2"}, "1"),
    ("cpc_billed_base", {"campaign_id": "C1"}, "1"),
    ("cpc_billed_base", {"advertiser_id": "A1"}, "1"),
    ("cpc_billed_base", {"advertiser_date": _SECOND}, "1"),
    ("cpc_billed_base", {}, "1"),
    # Margin = billed - media cost: 0.004 - 0.002; 0.004 - 0.003; 1 - 0.003.
    ("margin_base", {"line_item_id": "L1", "advertiser_date": _FIRST}, "0.002"),
    ("margin_base", {"line_item_id": "L1", "advertiser_date": _SECOND}, "0.001"),
    ("margin_base", {"line_item_id": "L2", "advertiser_date": _SECOND}, "0.997"),
    ("margin_base", {"line_item_id": "L1"}, "0.003"),
    ("margin_base", {"line_item_id": "L2"}, "0.997"),
    ("margin_base", {"campaign_id": "C1"}, "1"),
    ("margin_base", {"advertiser_id": "A1"}, "1"),
    ("margin_base", {"advertiser_date": _FIRST}, "0.002"),
    ("margin_base", {"advertiser_date": _SECOND}, "0.998"),
    ("margin_base", {}, "1"),
    # Margin / billed: 1.000 / 1.008 in total, 0.998 / 1.004 on the second.
    ("margin_rate", {"line_item_id": "L1", "advertiser_date": _FIRST}, "0.5"),
    ("margin_rate", {"line_item_id": "L1", "advertiser_date": _SECOND}, "0.25"),
    ("margin_rate", {"line_item_id": "L2", "advertiser_date": _SECOND}, "0.997"),
    ("margin_rate", {"line_item_id": "L1"}, "0.375"),
    ("margin_rate", {"line_item_id": "L2"}, "0.997"),
    ("margin_rate", {"campaign_id": "C1"}, "0.992063492"),
    ("margin_rate", {"advertiser_id": "A1"}, "0.992063492"),
    ("margin_rate", {"advertiser_date": _FIRST}, "0.5"),
    ("margin_rate", {"advertiser_date": _SECOND}, "0.994023904"),
    ("margin_rate", {}, "0.992063492"),
    # Effective CPM: L1 0.008 / 2 x 1000; L2 1 / 1 x 1000; all 1.008 / 3 x 1000; second 1.004 / 2.
    ("ecpm", {"line_item_id": "L1", "advertiser_date": _FIRST}, "4"),
    ("ecpm", {"line_item_id": "L1", "advertiser_date": _SECOND}, "4"),
    ("ecpm", {"line_item_id": "L2", "advertiser_date": _SECOND}, "1000"),
    ("ecpm", {"line_item_id": "L1"}, "4"),
    ("ecpm", {"line_item_id": "L2"}, "1000"),
    ("ecpm", {"campaign_id": "C1"}, "336"),
    ("ecpm", {"advertiser_id": "A1"}, "336"),
    ("ecpm", {"advertiser_date": _FIRST}, "4"),
    ("ecpm", {"advertiser_date": _SECOND}, "502"),
    ("ecpm", {}, "336"),
    # Effective CPC: both net clicks are L2's; all 1.008 / 2.
    ("ecpc", {"line_item_id": "L2", "advertiser_date": _SECOND}, "0.5"),
    ("ecpc", {"line_item_id": "L2"}, "0.5"),
    ("ecpc", {"campaign_id": "C1"}, "0.504"),
    ("ecpc", {"advertiser_id": "A1"}, "0.504"),
    ("ecpc", {"advertiser_date": _SECOND}, "0.502"),
    ("ecpc", {}, "0.504"),
    # k1 is L2's by the model last (c3): spend for one conversion, and 90.00 for the spend.
    ("cpa", {"line_item_id": "L2", "advertiser_date": _SECOND}, "1"),
    ("cpa", {"line_item_id": "L2"}, "1"),
    ("cpa", {"campaign_id": "C1"}, "1.008"),
    ("cpa", {"advertiser_id": "A1"}, "1.008"),
    ("cpa", {"advertiser_date": _SECOND}, "1.004"),
    ("cpa", {}, "1.008"),
    ("roas", {"line_item_id": "L2", "advertiser_date": _SECOND}, "90"),
    ("roas", {"line_item_id": "L2"}, "90"),
    ("roas", {"campaign_id": "C1"}, "89.285714286"),
    ("roas", {"advertiser_id": "A1"}, "89.285714286"),
    ("roas", {"advertiser_date": _SECOND}, "89.641434263"),
    ("roas", {}, "89.285714286"),
    # Conversions: k1 (purchase, 90.00 EUR) and k2 (signup, no value), both on the second.
    ("conversions", {}, "2"),
    ("conversions", {"event_date": _SECOND}, "2"),
    ("conversions", {"advertiser_id": "A1"}, "2"),
    ("conversions", {"conversion_type": "purchase"}, "1"),
    ("conversions", {"conversion_type": "signup"}, "1"),
    ("conversions", {"advertiser_id": "A1", "conversion_type": "purchase"}, "1"),
    ("conversions", {"advertiser_id": "A1", "conversion_type": "signup"}, "1"),
    ("conversion_value", {"currency": "EUR"}, "90"),
    ("conversion_value", {"advertiser_id": "A1", "currency": "EUR"}, "90"),
    ("conversion_value", {"event_date": _SECOND, "currency": "EUR"}, "90"),
    # Attribution. Touches of k1, in order: i1 (view, L1), c1 and c3 (click, L2: i2 counts as its
    # clicks), i3 (view, L1). k2 is organic, since its only impression is invalid.
    ("touches", {}, "4"),
    *_each("touches", {"event_date": _SECOND, "advertiser_id": "A1", "campaign_id": "C1"}, "4"),
    ("touches", {"conversion_type": "purchase"}, "4"),
    *_halves("touches", {}, "2", "2"),
    ("organic_conversions", {}, "1"),
    *_each(
        "organic_conversions",
        {"event_date": _SECOND, "advertiser_id": "A1", "conversion_type": "signup"},
        "1",
    ),
    # Both line items are billed by the last click: c3, of L2.
    ("billable_conversions", {}, "1"),
    *_each(
        "billable_conversions",
        {
            "event_date": _SECOND,
            "advertiser_id": "A1",
            "campaign_id": "C1",
            "conversion_type": "purchase",
            "line_item_id": "L2",
            "channel": "social",
            "touch_type": "click",
        },
        "1",
    ),
    ("billable_conversions", {"line_item_id": "L2", "touch_type": "click"}, "1"),
    # First: i1. Last: c3. Linear: a quarter each. Position: 40, 10, 10, 40 %. Ages in whole hours:
    # 13, 12, 12, 2, so the weights of the time decay are 1017667446, 1021874889 (twice) and
    # 1064918029, their sum is 4126335253, and the millionths 246628, 247647, 247647, 258078.
    *_attributed("first", "1", "0", "90", "0"),
    *_attributed("last", "0", "1", "0", "90"),
    *_attributed("linear", "0.5", "0.5", "45", "45"),
    *_attributed("position", "0.8", "0.2", "72", "18"),
    *_attributed("time_decay", "0.504706", "0.495294", "45.42354", "44.57646"),
    # Data-driven, on the one path of the month, display > social > social > display, converting.
    # Without display nothing does; without social, one way in two goes on from display: effects 1
    # and 1/2. By Shapley both channels have half. i1 and i3 share what display gets, c1 and c3 the
    # rest: 333334 and 333333, 166667 and 166666.
    *_attributed("markov", "0.666667", "0.333333", "60.00003", "29.99997"),
    *_attributed("shapley", "0.5", "0.5", "45", "45"),
    *_fitted("markov", ("1000000", "0.666666667"), ("500000", "0.333333333")),
    *_fitted("shapley", ("30", "0.5"), ("30", "0.5")),
    ("converting_paths", _MARCH, "1"),
    ("path_conversions", _MARCH, "1"),
    ("path_hours", _MARCH, "13"),
    ("path_conversions", {**_MARCH, "path": "display > social > display"}, "1"),
    ("path_hours", {**_MARCH, "path": "display > social > display"}, "13"),
    ("path_value", {**_MARCH, "path": "display > social > display", "currency": "EUR"}, "90"),
    # Balance: 4 impressions + 5 intervals + 5 clicks on the stream; 2 conversions in 1 file;
    # nothing fails, repeats or conflicts.
    ("loaded", {"source_table": "ad_events.events"}, "14"),
    ("distinct", {"source_table": "ad_events.events"}, "14"),
    ("loaded", {"source_table": "adserver.conversions"}, "2"),
    ("distinct", {"source_table": "adserver.conversions"}, "2"),
    ("files_loaded", {"source_table": "adserver.conversions"}, "1"),
    # Rows of the campaigns database, one version each, and one exchange rate.
    ("loaded", {"source_table": "campaigns.advertisers"}, "1"),
    ("distinct", {"source_table": "campaigns.advertisers"}, "1"),
    ("loaded", {"source_table": "campaigns.campaigns"}, "1"),
    ("distinct", {"source_table": "campaigns.campaigns"}, "1"),
    ("loaded", {"source_table": "campaigns.line_items"}, "2"),
    ("distinct", {"source_table": "campaigns.line_items"}, "2"),
    ("loaded", {"source_table": "campaigns.creatives"}, "2"),
    ("distinct", {"source_table": "campaigns.creatives"}, "2"),
    ("loaded", {"source_table": "campaigns.line_item_creatives"}, "2"),
    ("distinct", {"source_table": "campaigns.line_item_creatives"}, "2"),
    ("loaded", {"source_table": "campaigns.publishers"}, "1"),
    ("distinct", {"source_table": "campaigns.publishers"}, "1"),
    ("loaded", {"source_table": "campaigns.sites"}, "1"),
    ("distinct", {"source_table": "campaigns.sites"}, "1"),
    ("loaded", {"source_table": "campaigns.placements"}, "2"),
    ("distinct", {"source_table": "campaigns.placements"}, "2"),
    ("loaded", {"source_table": "fx.rates"}, "1"),
    ("distinct", {"source_table": "fx.rates"}, "1"),
    ("dimension_versions", {"dimension": "advertisers"}, "1"),
    ("dimension_versions", {"dimension": "campaigns"}, "1"),
    ("dimension_versions", {"dimension": "line_items"}, "2"),
    ("dimension_versions", {"dimension": "creatives"}, "2"),
    ("dimension_versions", {"dimension": "publishers"}, "1"),
    ("dimension_versions", {"dimension": "sites"}, "1"),
    ("dimension_versions", {"dimension": "placements"}, "2"),
    ("dimension_members", {"dimension": "advertisers"}, "1"),
    ("dimension_members", {"dimension": "campaigns"}, "1"),
    ("dimension_members", {"dimension": "line_items"}, "2"),
    ("dimension_members", {"dimension": "creatives"}, "2"),
    ("dimension_members", {"dimension": "publishers"}, "1"),
    ("dimension_members", {"dimension": "sites"}, "1"),
    ("dimension_members", {"dimension": "placements"}, "2"),
)

# Measurable: i1, i2, i3 (i4 has no interval). Viewable: i1 (0 to 1300 ms at half or more, the gap
# is 100 ms) and i2 (large, 1000 ms at 30 % or more), not i3 (a gap of 300 ms, 800 ms at most). In
# view: i1 400 + 800, i2 1000, i3 600 + 800. Measured rate: of the net impressions, all but i4;
# viewable rate: of the measurable ones.
_VIEWED: tuple[tuple[dict[str, str], tuple[str, str, str, str, str]], ...] = (
    *(
        (dims, ("3", "2", "3600", "1", "0.666666667"))
        for dims in (
            {},
            {"campaign_id": "C1"},
            {"advertiser_id": "A1"},
            {"site_id": "S1"},
            {"publisher_id": "P1"},
            {"country": "DE"},
            {"device_type": "desktop"},
            {"ad_format": "display"},
        )
    ),
    # i1 and i2; i3.
    ({"event_date": _FIRST}, ("2", "2", "2200", "1", "1")),
    ({"event_date": _FIRST, "campaign_id": "C1"}, ("2", "2", "2200", "1", "1")),
    ({"event_date": _SECOND}, ("1", "0", "1400", "1", "0")),
    ({"event_date": _SECOND, "campaign_id": "C1"}, ("1", "0", "1400", "1", "0")),
    # i1 and i3; i2.
    *(
        (dims, ("2", "1", "2600", "1", "0.5"))
        for dims in (
            {"line_item_id": "L1"},
            {"creative_id": "R1"},
            {"placement_id": "T1"},
            {"channel": "display"},
        )
    ),
    *(
        (dims, ("1", "1", "1000", "1", "1"))
        for dims in (
            {"line_item_id": "L2"},
            {"creative_id": "R2"},
            {"placement_id": "T2"},
            {"channel": "social"},
        )
    ),
)
_VIEWABILITY: tuple[tuple[str, dict[str, str], str], ...] = tuple(
    (metric, dims, value)
    for dims, values in _VIEWED
    for metric, value in zip(
        (
            "measurable_impressions",
            "viewable_impressions",
            "in_view_ms",
            "measured_rate",
            "viewable_rate",
        ),
        values,
        strict=True,
    )
    if value != "0"
)

# By hour and weekday (1 March is a Sunday), placement and region: gross and net impressions, clicks
# that are no orphans, net clicks, net clicks by net impressions. i1 at 22 h; i2 at 23 h with c1,
# c2 (a repeat) and c3; on Monday at 10 h i3, and i4, which is invalid, with c4.
_DELIVERED: tuple[tuple[dict[str, str], tuple[str, str, str, str, str]], ...] = (
    ({"event_hour": "22"}, ("1", "1", "0", "0", "0")),
    ({"event_hour": "23"}, ("1", "1", "3", "2", "2")),
    ({"event_hour": "10"}, ("2", "1", "1", "0", "0")),
    ({"weekday": "7"}, ("2", "2", "3", "2", "1")),
    ({"weekday": "1"}, ("2", "1", "1", "0", "0")),
    ({"line_item_id": "L1", "event_hour": "22"}, ("1", "1", "0", "0", "0")),
    ({"line_item_id": "L2", "event_hour": "23"}, ("1", "1", "3", "2", "2")),
    ({"line_item_id": "L1", "event_hour": "10"}, ("2", "1", "1", "0", "0")),
    ({"event_date": _FIRST, "placement_id": "T1"}, ("1", "1", "0", "0", "0")),
    ({"event_date": _FIRST, "placement_id": "T2"}, ("1", "1", "3", "2", "2")),
    ({"event_date": _SECOND, "placement_id": "T1"}, ("2", "1", "1", "0", "0")),
    ({"placement_id": "T1", "exchange": "openx"}, ("3", "2", "1", "0", "0")),
    ({"placement_id": "T2", "exchange": "openx"}, ("1", "1", "3", "2", "2")),
    ({"country": "DE", "region": "BE"}, ("4", "3", "4", "2", "0.666666667")),
    ({"event_date": _FIRST, "country": "DE"}, ("2", "2", "3", "2", "1")),
    ({"event_date": _SECOND, "country": "DE"}, ("2", "1", "1", "0", "0")),
    # 52.52, 13.40 lies in one cell of a tenth of a degree. Nobody has a profile.
    *(
        ({**dates, **place}, figures)
        for dates, figures in (
            ({}, ("4", "3", "4", "2", "0.666666667")),
            ({"event_date": _FIRST}, ("2", "2", "3", "2", "1")),
            ({"event_date": _SECOND}, ("2", "1", "1", "0", "0")),
        )
        for place in (
            {"latitude_cell": "525", "longitude_cell": "134"},
            {"age_band": "unknown", "gender": "unknown"},
        )
        if dates or "gender" not in place
    ),
    *(
        (place, ("4", "3", "4", "2", "0.666666667"))
        for place in (
            {"age_band": "unknown"},
            {"gender": "unknown"},
            {"campaign_id": "C1", "age_band": "unknown", "gender": "unknown"},
        )
    ),
)
_PERFORMANCE: tuple[tuple[str, dict[str, str], str], ...] = tuple(
    (metric, dims, value)
    for dims, values in _DELIVERED
    for metric, value in zip(
        ("gross_impressions", "net_impressions", "explained_clicks", "net_clicks", "ctr"),
        values,
        strict=True,
    )
    if value != "0"
)

# The cell's centre, 52.55, 13.45, is 351,259 m from the middle of Germany, 51.00, 9.00. k1 is the
# last touch's, c3: of C1.
_PLACES_AND_PEOPLE: tuple[tuple[str, dict[str, str], str], ...] = (
    *(
        ("centre_distance", dims, "351259")
        for dims in (
            {"country": "DE"},
            {"event_date": _FIRST},
            {"event_date": _SECOND},
            {"event_date": _FIRST, "country": "DE"},
            {"event_date": _SECOND, "country": "DE"},
        )
    ),
    *(
        ("audience_conversions", dims, "1")
        for dims in (
            {"age_band": "unknown"},
            {"gender": "unknown"},
            {"event_date": _SECOND, "age_band": "unknown", "gender": "unknown"},
            {"campaign_id": "C1", "age_band": "unknown", "gender": "unknown"},
        )
    ),
)

# Reach: u1 alone, as i4, u2's, is invalid. On the first u1 sees i1 (L1) and i2 (L2), on the second
# i3 (L1). No line item has a frequency cap.
_TWICE_ON_THE_FIRST: tuple[dict[str, str], ...] = (
    {},
    {"advertiser_id": "A1"},
    {"campaign_id": "C1"},
    {"site_id": "S1"},
    {"country": "DE"},
    {"device_type": "desktop"},
)
_OF_I1_AND_I3: tuple[dict[str, str], ...] = (
    {"line_item_id": "L1"},
    {"creative_id": "R1"},
    {"channel": "display"},
)
_OF_I2: tuple[dict[str, str], ...] = (
    {"line_item_id": "L2"},
    {"creative_id": "R2"},
    {"channel": "social"},
)
_DISTRIBUTED = {"advertiser_id", "campaign_id", "line_item_id"}
_REACH: tuple[tuple[str, dict[str, str], str], ...] = tuple(
    figure
    for dates, places in (
        (((_FIRST, "2"), (_SECOND, "1")), _TWICE_ON_THE_FIRST),
        (((_FIRST, "1"), (_SECOND, "1")), _OF_I1_AND_I3),
        (((_FIRST, "1"),), _OF_I2),
    )
    for place in places
    for date_text, times in dates
    for figure in (
        ("reach", {"event_date": date_text, **place}, "1"),
        ("frequency", {"event_date": date_text, **place}, times),
        *(
            ("ids_by_frequency", {"event_date": date_text, **place, "frequency": times}, "1")
            for _ in range(place.keys() <= _DISTRIBUTED)
        ),
    )
) + tuple(
    ("lifetime_reach", place, "1")
    for place in (*_TWICE_ON_THE_FIRST, *_OF_I1_AND_I3, *_OF_I2)
    if not place.keys() & {"site_id", "creative_id"}
)

# No third party has reported. Ours: i1 of L1 and i2, c1, c3 of L2 on the first, i3 of L1 on the
# second; what L2 bills for its clicks falls on the second in Berlin.
_DISCREPANCY: tuple[tuple[str, dict[str, str], str], ...] = (
    *(
        ("discrepancy_rows", {name: "missing_theirs"}, "4")
        for name in ("discrepancy_status", "impression_status", "click_status", "spend_status")
    ),
    *(
        (
            "discrepancy_rows",
            {**place, "report_date": day, "discrepancy_status": "missing_theirs"},
            rows,
        )
        for day in (_FIRST, _SECOND)
        for place, rows in (
            ({"line_item_id": "L1"}, "1"),
            ({"line_item_id": "L2"}, "1"),
            ({}, "2"),
        )
    ),
)

_OWED: dict[str, dict[int, str]] = {"L1": {29: "0.004", 30: "0.008"}, "L2": {30: "1"}}
"""What is billed up to the 29th and 30th date of the flights (1 and 2 March)."""


def _paces() -> Iterator[tuple[str, dict[str, str], str]]:
    """500 EUR from 1 February 01:00 to 1 April 02:00 in Berlin: 59 dates and an hour.

    So the first n dates have 24 n - 1 of 1417 hours. 2 March is the newest date, the 30th.
    """
    unit = Decimal("0.000000001")
    for n in range(1, 31):
        passed, left = Decimal(24 * n - 1), Decimal(1417 - 24 * n + 1)
        day = {"advertiser_date": (date(2026, 1, 31) + timedelta(days=n)).isoformat()}
        planned = (500 * passed / 1417).quantize(unit, ROUND_HALF_UP)
        yield "pacing_rows", {**day, "pacing_state": "under"}, "2"
        for item, billed in _OWED.items():
            owed = Decimal(billed.get(n, "0"))
            dims = {"line_item_id": item, **day}
            yield "pacing_rows", {**dims, "pacing_state": "under"}, "1"
            figures = {
                "budget": Decimal(500),
                "elapsed": passed / 1417,
                "planned": planned,
                "delivered": owed,
                "index": owed / planned,
                "forecast": owed * 1417 / passed,
                "needed": (500 - owed) * 24 / left,
            }
            for name, value in figures.items():
                if value:
                    text = format(value.quantize(unit, ROUND_HALF_UP), "f")
                    yield f"pacing_{name}", dims, text.rstrip("0").rstrip(".")


# All in EUR, so no rate moves it: billed 1.008 less media cost 0.008.
_EXPOSURE: tuple[tuple[str, dict[str, str], str], ...] = tuple(
    (metric, {**_MARCH, "currency": "EUR"}, value)
    for metric, value in (
        ("fx_net_exposure", "1"),
        ("fx_net_exposure_base", "1"),
        ("fx_average_rate", "1"),
        ("fx_revalued_base", "1"),
    )
)

# Of March u1 saw i1, i2 and i3. Nobody has an account, so people are ids.
_PERIODS: tuple[tuple[str, dict[str, str], str], ...] = tuple(
    figure
    for place, times in (
        ({}, "3"),
        ({"advertiser_id": "A1"}, "3"),
        ({"campaign_id": "C1"}, "3"),
        ({"line_item_id": "L1"}, "2"),
        ({"line_item_id": "L2"}, "1"),
    )
    for figure in (
        ("reach", {**_MARCH, **place}, "1"),
        ("frequency", {**_MARCH, **place}, times),
        ("ids_by_frequency", {**_MARCH, **place, "frequency": times}, "1"),
    )
) + tuple(
    figure
    for place in ({}, {"campaign_id": "C1"})
    for date_text, times in ((_FIRST, "2"), (_SECOND, "1"))
    for figure in (
        ("person_reach", {"event_date": date_text, **place}, "1"),
        ("person_frequency", {"event_date": date_text, **place}, times),
    )
)

KEY: tuple[Answer, ...] = tuple(
    Answer(metric, ",".join(dims) or "total", json.dumps(dict(sorted(dims.items()))), value)
    for metric, dims, value in (
        *_FIGURES,
        *_PERFORMANCE,
        *_VIEWABILITY,
        *_REACH,
        *auctions.FIGURES,
        *_DISCREPANCY,
        *_paces(),
        *_EXPOSURE,
        *_PLACES_AND_PEOPLE,
        *_PERIODS,
    )
)
"""Every figure of the example, worked out by hand."""


@dataclass
class WorkedExampleDay:
    """The example's only day.

    Attributes:
        day: Always 1.
        partitions: Partitions of the topics.
    """

    day: int
    partitions: int

    def chunks(self) -> Iterator[list[Message]]:
        """All messages."""
        yield [
            (topic, partition % self.partitions, key, value, headers)
            for topic, partition, key, value, headers in MESSAGES
        ]

    def file_names(self) -> Iterator[str]:
        """The names of the files."""
        return (name for name, _ in files())

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The files."""
        return iter(files())

    def save_stream(self, ledger: Path) -> None:
        """The key is written by hand, so there is no ledger."""

    def save_files(self, ledger: Path) -> None:
        """The key is written by hand, so there is no ledger."""

    def key(self, ledger: Path, day: int, sends: list[int]) -> list[Answer]:
        """The key by hand; it holds for messages that are sent once."""
        del ledger, day, sends
        return sorted(KEY)
