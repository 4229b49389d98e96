"""Events as the bytes that sources send: JSON by orjson, CSV lines, timestamps, addresses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from ingestion.adworld.config import WorldConfig
from ingestion.adworld.exchange.auctions import bid_of_impression, rendered_slot
from ingestion.adworld.frames import (
    NONE,
    Actions,
    Clicks,
    Conversions,
    Frame,
    Impressions,
    Ints,
    Small,
    Videos,
    Views,
)
from ingestion.adworld.ids import hex_texts, mix, uuid7_texts
from ingestion.adworld.market import (
    CHANNELS,
    COUNTRIES,
    DEVICES,
    FORMATS,
    Market,
    market_of,
)
from ingestion.adworld.traffic import (
    ACTION_NAMES,
    CLEARING,
    CONVERSION_TYPES,
    EXCHANGES,
    PLATFORMS,
    PRODUCTS,
    VIDEO_EVENTS,
    people_of,
)

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36",
)
BOTS = (
    "",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "",
    "curl/8",
    " ",
    "Mozilla/5.0 (Windows NT 99.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
)
"""User agents of kinds of bots: a declared one, one with a person's in a data centre, a tool there,
one without any (nothing at all is no text for a file), and one of a system that does not exist."""

IN_DATA_CENTRES = (2, 3)
"""Kinds of bots whose addresses are a data centre's."""

PLACES = (
    ("52.52", "13.40"),
    ("40.71", "-74.01"),
    ("19.08", "72.88"),
    ("51.51", "-0.13"),
    ("35.68", "139.69"),
    ("48.86", "2.35"),
    ("-23.55", "-46.63"),
    ("52.37", "4.90"),
)
REGIONS = (
    ("BE", "BY"),
    ("NY", "CA"),
    ("MH", "KA"),
    ("ENG", "SCT"),
    ("13", "27"),
    ("IDF", "ARA"),
    ("SP", "RJ"),
    ("NH", "ZH"),
)
"""Two regions a country; a person lives in one of them."""

PRODUCT_NAMES = ("Wireless Mouse", "Bluetooth Headphones", "Mechanical Keyboard", "Café Lamp 💡")
OFFSETS_MINUTES = (0, 120, 330, -240, 0)
OFFSET_TEXTS = ("Z", "+02:00", "+05:30", "-04:00", "-00:00")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Texts:
    """Texts that many events share."""

    users: list[str]
    addresses: list[str]
    market: Market
    products: list[dict[str, str]]


@lru_cache(maxsize=2)
def texts_of(config: WorldConfig) -> Texts:
    """The texts of a world."""
    count = len(people_of(config))
    words = mix(np.arange(count, dtype=np.int64), config.seed + 11)
    parts = words.astype(">u8").view(np.uint8).reshape(count, 8)
    addresses = [
        f"2a02:{a:x}{b:02x}:{c:x}::{d + 1:x}"
        if six < 5
        else f"{11 + a % 180}.{b}.{c}.{1 + d % 254}"
        for a, b, c, d, six in parts[:, :5].tolist()
    ]
    return Texts(
        users=[f"user_{person}" for person in range(count)],
        addresses=addresses,
        market=market_of(config),
        products=[
            {"name": f"{PRODUCT_NAMES[n % 4]} {n // 4 + 1}", "SKU": f"SKU-{1001 + n}"}
            for n in range(PRODUCTS)
        ],
    )


def user_text(texts: Texts, person: int, phone: bool) -> str:
    """The id of a person; the second id is the phone's."""
    return texts.users[person] + "m" if phone else texts.users[person]


def address_of(texts: Texts, person: int, agent: int) -> str:
    """The address of a person, or of the data centre that a bot sits in."""
    if agent in IN_DATA_CENTRES:
        return f"198.51.100.{person % 250 + 1}"
    return texts.addresses[person]


def ts_texts(ts: Ints, written: Small) -> list[str]:
    """RFC 3339 texts: milliseconds and Z, or microseconds or an offset where that is asked for."""
    texts: list[str] = np.datetime_as_string(
        ts.astype("M8[us]"), unit="ms", timezone="UTC"
    ).tolist()
    for row in np.flatnonzero((written > 0) | (ts % 1000 != 0)).tolist():
        how = int(written[row])
        local = _EPOCH + timedelta(microseconds=int(ts[row]) + OFFSETS_MINUTES[how] * 60_000_000)
        digits = "milliseconds" if int(ts[row]) % 1000 == 0 else "microseconds"
        texts[row] = local.replace(tzinfo=None).isoformat(timespec=digits) + OFFSET_TEXTS[how]
    return texts


def number_texts(config: WorldConfig, prefix: str, numbers: Ints) -> list[str]:
    """Texts of identifiers."""
    return [prefix + text for text in hex_texts(mix(numbers, config.seed))]


def _envelopes(
    config: WorldConfig, kind: str, salt: int, rows: Frame, about: Ints
) -> Iterable[dict[str, Any]]:
    event_ids = uuid7_texts(rows.ts, mix(about, config.seed + salt))
    serials = (about & 0xFFFFFFFFFF).tolist()
    moments = ts_texts(rows.ts, rows.written)
    for event_id, ts_text, serial in zip(event_ids, moments, serials, strict=True):
        yield {
            "event_id": event_id,
            "event_type": kind,
            "event_ts": ts_text,
            "producer_id": f"px-{serial % 5}",
            "seq": serial,
            "schema_version": 1,
        }


def _impression_payloads(config: WorldConfig, rows: Impressions) -> Iterable[dict[str, Any]]:
    texts = texts_of(config)
    market = texts.market
    channels = [CHANNELS[item.channel] for item in market.line_items]
    formats = [FORMATS[item.ad_format] for item in market.line_items]
    bids = bid_of_impression(rows.number, rows.exchange)
    columns = zip(
        number_texts(config, "imp-", rows.number),
        hex_texts(mix(rows.number, config.seed + 1)),
        hex_texts(mix(bids, config.seed + 1)),
        rendered_slot(rows.number).tolist(),
        *(
            column.tolist()
            for column in (
                rows.person,
                rows.device,
                rows.phone,
                rows.line_item,
                rows.creative,
                rows.placement,
                rows.exchange,
                rows.price,
                rows.currency,
                rows.country,
                rows.personal,
                rows.agent,
                rows.arm,
                rows.prefetch,
            )
        ),
        strict=True,
    )
    for (
        impression_id,
        auction,
        bid,
        slot,
        person,
        device,
        phone,
        line_item,
        creative,
        placement,
        exchange,
        price,
        currency,
        country,
        personal,
        agent,
        arm,
        prefetch,
    ) in columns:
        bought = exchange != NONE
        width, height = market.creative_size[creative]
        latitude, longitude = PLACES[country] if country != NONE else (None, None)
        yield {
            "impression_id": impression_id,
            "exchange": EXCHANGES[exchange] if bought else None,
            "auction_id": auction if bought else None,
            "imp_id": str(slot + 1) if bought else None,
            "bid_id": "bid-" + bid if bought else None,
            "line_item_id": market.line_items[line_item].line_item_id,
            "creative_id": market.creative_ids[creative],
            "placement_id": market.placement_ids[placement],
            # Some producers send the id of people who do not consent; it must not be kept.
            "user_id": user_text(texts, person, phone) if personal or person % 2 else None,
            "ip": address_of(texts, person, agent),
            "user_agent": BOTS[agent] or AGENTS[person % 4],
            "country": COUNTRIES[country] if country != NONE else None,
            "region": REGIONS[country][person % 2] if country != NONE else None,
            "latitude": latitude,
            "longitude": longitude,
            "device_type": DEVICES[device],
            "ad_format": formats[line_item],
            "width": width,
            "height": height,
            "clearing_price_micros": price if price != NONE else None,
            "currency": CLEARING[currency] if currency != NONE else None,
            "channel": channels[line_item],
            "experiment_arm": "ABC"[arm],
            "page_url": f"https://site{placement % 10}.example/p/{person % 97}?u={person}",
            "is_prefetch": prefetch or (None if person % 11 else False),
            "consent": {
                "gdpr_applies": country in (0, 5, 7),
                "tcf": "CPxyz" if country in (0, 5, 7) else None,
                "gpp": None,
                "personal": personal,
            },
        }


def _add_drift(kind: int, record: dict[str, Any], payload: dict[str, Any]) -> None:
    """An unknown field: of the record, of its payload, or with a structure of its own."""
    if kind == 1:
        record["sdk_version"] = "4.2.0"
    elif kind == 2:
        payload["viewport"] = 1080
    elif kind == 3:
        payload["x_trace"] = {"hops": [1, 2], "note": None}


def impression_messages(config: WorldConfig, rows: Impressions) -> list[bytes]:
    """Impressions as the stream sends them."""
    written = []
    envelopes = _envelopes(config, "impression", 21, rows, rows.number)
    payloads = _impression_payloads(config, rows)
    for record, payload, drift in zip(envelopes, payloads, rows.drift.tolist(), strict=True):
        record["impression"] = payload
        if drift:
            _add_drift(drift, record, payload)
        written.append(orjson.dumps(record))
    return written


def impression_lines(config: WorldConfig, rows: Impressions) -> list[bytes]:
    """Impressions as the ad server's files hold them, without line ends."""
    written = []
    event_ids = uuid7_texts(rows.ts, mix(rows.number, config.seed + 21))
    moments = ts_texts(rows.ts, rows.written)
    payloads = _impression_payloads(config, rows)
    for event_id, moment, payload, drift in zip(
        event_ids, moments, payloads, rows.drift.tolist(), strict=True
    ):
        record = {"event_id": event_id, "event_ts": moment, **payload}
        if drift:
            _add_drift(drift, record, record)
        written.append(orjson.dumps(record))
    return written


def view_messages(config: WorldConfig, rows: Views) -> list[bytes]:
    """Viewability intervals as the stream sends them."""
    written = []
    salted = rows.number ^ (rows.sequence.astype(np.int64) << 52)
    for record, impression_id, sequence, start, end, percent, measurable, playing, position in zip(
        _envelopes(config, "viewability", 22, rows, salted),
        number_texts(config, "imp-", rows.number),
        rows.sequence.tolist(),
        rows.start_ms.tolist(),
        rows.end_ms.tolist(),
        rows.percent.tolist(),
        rows.measurable.tolist(),
        rows.playing.tolist(),
        rows.position_ms.tolist(),
        strict=True,
    ):
        record["viewability"] = {
            "impression_id": impression_id,
            "sequence": sequence,
            "start_ms": start,
            "end_ms": end,
            "in_view_fraction": f"{percent // 100}.{percent % 100:02d}",
            "measurable": measurable,
            "playing": bool(playing) if playing != NONE else None,
            "position_ms": position if position != NONE else None,
        }
        written.append(orjson.dumps(record))
    return written


def video_messages(config: WorldConfig, rows: Videos) -> list[bytes]:
    """Video events as the stream sends them."""
    written = []
    salted = rows.number ^ (rows.event.astype(np.int64) << 52)
    for record, impression_id, event, position in zip(
        _envelopes(config, "video", 23, rows, salted),
        number_texts(config, "imp-", rows.number),
        rows.event.tolist(),
        rows.position_ms.tolist(),
        strict=True,
    ):
        record["video"] = {
            "impression_id": impression_id,
            "video_event": VIDEO_EVENTS[event],
            "position_ms": position,
        }
        written.append(orjson.dumps(record))
    return written


def _click_payloads(config: WorldConfig, rows: Clicks) -> Iterable[dict[str, Any]]:
    texts = texts_of(config)
    for click_id, impression_id, person, phone, personal, agent, advertiser in zip(
        number_texts(config, "clk-", rows.number),
        number_texts(config, "imp-", rows.impression),
        rows.person.tolist(),
        rows.phone.tolist(),
        rows.personal.tolist(),
        rows.agent.tolist(),
        rows.advertiser.tolist(),
        strict=True,
    ):
        yield {
            "click_id": click_id,
            "impression_id": impression_id,
            "user_id": user_text(texts, person, phone) if personal else None,
            "ip": address_of(texts, person, agent),
            "user_agent": BOTS[agent] or AGENTS[person % 4],
            "landing_url": f"https://advertiser{advertiser + 1}.example/?click={person}",
        }


def click_messages(config: WorldConfig, rows: Clicks) -> list[bytes]:
    """Clicks as the stream sends them."""
    written = []
    envelopes = _envelopes(config, "click", 24, rows, rows.number)
    for record, payload, drift in zip(
        envelopes, _click_payloads(config, rows), rows.drift.tolist(), strict=True
    ):
        record["click"] = payload
        if drift:
            _add_drift(drift, record, payload)
        written.append(orjson.dumps(record))
    return written


def csv_line(fields: Sequence[object]) -> bytes:
    """One line by RFC 4180 without its end; null is empty, quotes only where they are needed."""
    parts = []
    for field in fields:
        text = "" if field is None else str(field)
        if "," in text or '"' in text:
            text = '"' + text.replace('"', '""') + '"'
        parts.append(text)
    return ",".join(parts).encode()


def click_lines(config: WorldConfig, rows: Clicks) -> list[bytes]:
    """Clicks as the ad server's files hold them."""
    return [
        csv_line([payload.pop("click_id"), moment, *payload.values()])
        for payload, moment in zip(
            _click_payloads(config, rows), ts_texts(rows.ts, rows.written), strict=True
        )
    ]


def conversion_lines(config: WorldConfig, rows: Conversions) -> list[bytes]:
    """Conversions as the ad server's files hold them."""
    texts = texts_of(config)
    market = texts.market
    return [
        csv_line(
            [
                conversion_id,
                moment,
                market.advertiser_ids[advertiser],
                user_text(texts, person, phone) if person != NONE else None,
                f"acct-{person:06d}" if person != NONE and person % 5 == 0 else None,
                CONVERSION_TYPES[kind],
                f"{cents // 100}.{cents % 100:02d}" if cents != NONE else None,
                market.advertiser_currency[advertiser] if cents != NONE else None,
                "order-" + conversion_id[-8:] if kind == 0 else None,
            ]
        )
        for conversion_id, moment, advertiser, person, phone, kind, cents in zip(
            number_texts(config, "cnv-", rows.number),
            ts_texts(rows.ts, rows.written),
            rows.advertiser.tolist(),
            rows.person.tolist(),
            rows.phone.tolist(),
            rows.kind.tolist(),
            rows.cents.tolist(),
            strict=True,
        )
    ]


def _action_moments(rows: Actions) -> list[str]:
    """Whole seconds are written without decimals, as in the dictionary's examples."""
    moments = ts_texts(rows.ts, rows.written)
    return [moment.replace(".000", "") for moment in moments]


def action_messages(
    config: WorldConfig, rows: Actions
) -> tuple[list[bytes], list[list[tuple[str, bytes]] | None]]:
    """Product events as the stream sends them, and their headers."""
    texts = texts_of(config)
    values: list[bytes] = []
    headers: list[list[tuple[str, bytes]] | None] = []
    for moment, event_id, person, phone, platform, name, product, identified, shape, drift in zip(
        _action_moments(rows),
        number_texts(config, "ue-", rows.number),
        rows.person.tolist(),
        rows.phone.tolist(),
        rows.platform.tolist(),
        rows.name.tolist(),
        rows.product.tolist(),
        rows.identified.tolist(),
        rows.shape.tolist(),
        rows.drift.tolist(),
        strict=True,
    ):
        record: dict[str, Any] = {
            "timestamp": moment,
            "event_name": ACTION_NAMES[name] if name != NONE else None,
        }
        user = user_text(texts, person, phone) if person != NONE else None
        spot = PLATFORMS[platform] if platform != NONE else None
        if shape == 3:
            record["user_identifiers"] = None
        elif shape != 1:
            record["user_identifiers"] = {"platform": spot, "id": user}
        if shape == 4:
            record["product_information"] = {}
        elif shape != 2:
            record["product_information"] = (
                texts.products[product] if product != NONE else {"name": None, "SKU": None}
            )
        if identified in (1, 3):
            record["event_id"] = event_id
        if drift:
            record["session"] = {"n": drift}
        values.append(orjson.dumps(record))
        if identified == 2:
            headers.append([("event_id", event_id.encode())])
        elif identified == 3:
            headers.append([("event_id", b"not-" + event_id.encode())])
        else:
            headers.append(None)
    return values, headers
