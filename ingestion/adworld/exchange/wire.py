"""Auction records as Avro object container files.

Every file has its writer schema in its header: the contract's, or one with a field that the
contract does not know (drift), or one whose field has another type.
"""

import copy
import hashlib
import io
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

import fastavro
import orjson

from ingestion.adworld.config import WorldConfig
from ingestion.adworld.exchange.avro import SYNC_BYTES, Encode, Encoded, container, encoder
from ingestion.adworld.frames import NONE, Bids, Frame, Notices, Requests, Wins
from ingestion.adworld.ids import exchange_of, hex_texts, id_of, mix, slot_of
from ingestion.adworld.market import (
    AGE_BANDS,
    COUNTRIES,
    DEVICES,
    FORMATS,
    GENDERS,
    SIZES,
    Market,
    market_of,
)
from ingestion.adworld.traffic import CLEARING, EXCHANGES
from ingestion.adworld.wire import AGENTS, BOTS, PLACES, REGIONS, address_of, texts_of
from ingestion.contracts import load_contract
from ingestion.contracts.avro import avro_schema

Record = dict[str, Any]
Part = Encoded | None
"""A part of a record, encoded once; None where there is none."""

SOURCE = "exchange"
CODECS = {"billing_notices": "null"}
"""Codec by table; the others are deflated."""

BLOCK_BYTES = 16_000
FLOORS = ("0.01", "0.5", "1.25", "0", "2", "0.000001", "10.10")
OPERATING_SYSTEMS = ("Windows", "iOS", "Linux", None)
EXTRA_FIELDS = {"bid_requests": ("device", "language"), "bids": (None, "seat")}
"""Fields that no contract knows, by table: the record that has it, and its name."""

RETYPED_FIELD = "clearing_price_micros"


def records_of(config: WorldConfig, frame: Frame) -> list[Record]:
    """The records of a frame, as the writer schema has them."""
    if isinstance(frame, Requests):
        return list(_requests(config, frame))
    if isinstance(frame, Bids):
        return list(_bids(config, frame))
    if isinstance(frame, Wins):
        return list(_wins(config, frame))
    if isinstance(frame, Notices):
        return list(_notices(config, frame))
    raise TypeError(type(frame).__name__)


def schema_of(table: str, *, extra: bool = False, retyped: bool = False) -> Record:
    """The writer schema of a table's files.

    Args:
        table: Table of the exchange.
        extra: With the field that the contract does not know.
        retyped: With a number that has become a text.
    """
    schema = copy.deepcopy(avro_schema(load_contract(SOURCE, table)))
    if extra:
        parent, name = EXTRA_FIELDS[table]
        fields = schema["fields"]
        if parent is not None:
            fields = next(field for field in fields if field["name"] == parent)["type"]["fields"]
        fields.append({"name": name, "type": ["null", "string"], "default": None})
    if retyped:
        field = next(field for field in schema["fields"] if field["name"] == RETYPED_FIELD)
        field["type"] = "string"
    return schema


def avro_file(table: str, schema: Record, records: list[Record], name: str) -> bytes:
    """The bytes of a file; its sync marker follows from its name, and from nothing else."""
    return container(
        schema,
        records,
        codec=CODECS.get(table, "deflate"),
        block_bytes=BLOCK_BYTES,
        sync=hashlib.sha256(name.encode()).digest()[:SYNC_BYTES],
    )


def with_bad_block(content: bytes) -> bytes:
    """The file with a block in its middle that cannot be inflated (RFC 1951: no type 3)."""
    blocks = list(fastavro.block_reader(io.BytesIO(content)))
    block = blocks[len(blocks) // 2]
    start = _after_numbers(content, block.offset, 2)
    return content[:start] + b"\xff" * 8 + content[start + 8 :]


def cut_off(content: bytes) -> bytes:
    """The file without its last bytes, so that its last block is not whole."""
    blocks = list(fastavro.block_reader(io.BytesIO(content)))
    return content[: blocks[-1].offset + blocks[-1].size // 2]


def _after_numbers(content: bytes, place: int, count: int) -> int:
    """Behind some variable-length numbers: each ends with the first byte below 128."""
    for _ in range(count):
        while content[place] >= 0x80:
            place += 1
        place += 1
    return place


# ---------------------------------------------------------------- bid requests


@lru_cache(maxsize=64)
def _encode(*path: str) -> Encode:
    """The encoder of a part of a bid request; of the elements, where it is an array."""
    schema: Any = avro_schema(load_contract(SOURCE, "bid_requests"))
    for name in path:
        schema = next(field for field in schema["fields"] if field["name"] == name)["type"]
        schema = schema[1] if isinstance(schema, list) else schema
    return encoder(schema["items"] if schema["type"] == "array" else schema)


@lru_cache(maxsize=4)
def _places(config: WorldConfig) -> list[tuple[Part, Part]]:
    """Site and app of every placement, of which one is null."""
    market = market_of(config)
    found: list[tuple[Part, Part]] = []
    for site in market.placement_site:
        is_app = site % 4 == 3
        place = {
            "id": market.site_ids[site],
            "bundle" if is_app else "domain": f"com.example.app{site}"
            if is_app
            else f"site{site}.example",
            "cat": [f"IAB{site + 1}"] if site % 3 else [],
            "publisher_id": market.publisher_ids[market.site_publisher[site]],
        }
        part = Encoded(_encode("app" if is_app else "site")(place))
        found.append((None, part) if is_app else (part, None))
    return found


@lru_cache(maxsize=4096)
def _imp(slot: int, ad_format: int, kind: int, currency: str, tagid: str | None) -> Encoded:
    """One slot; `kind` decides upon size, floor and deals."""
    width, height = (640, 360) if ad_format else SIZES[kind % len(SIZES)]
    sized = kind % 11 > 0
    deals = [
        {"id": f"deal-{kind % 5}-{n}", "bidfloor": FLOORS[(kind + n) % len(FLOORS)]}
        for n in range((kind % 6 == 0) + (kind % 12 == 0))
    ]
    record = {
        "id": str(slot + 1),
        "tagid": tagid,
        "ad_format": FORMATS[ad_format],
        "w": width if sized else None,
        "h": height if sized else None,
        "bidfloor": FLOORS[kind % len(FLOORS)],
        "bidfloorcur": currency,
        "deals": deals,
    }
    return Encoded(_encode("imp")(record))


@cache
def _regs(gdpr: bool, coppa: bool) -> Encoded:
    record = {"gdpr": gdpr, "coppa": coppa, "gpp": None if gdpr else "DBABMA~CPXxRfA"}
    return Encoded(_encode("regs")(record))


@cache
def _geo(country: int, region: int) -> Encoded:
    latitude, longitude = PLACES[country]
    record = {
        "country": COUNTRIES[country],
        "region": REGIONS[country][region],
        "lat": latitude,
        "lon": longitude,
    }
    return Encoded(_encode("device", "geo")(record))


_SCHAINS = tuple(
    [{"asi": f"{exchange}.example", "sid": f"seller-{n}"} for n in range(at)]
    for at, exchange in enumerate(EXCHANGES)
)
_CURRENCIES = tuple([text] for text in CLEARING)


def _ext(serial: int, person: int) -> str | None:
    """What the dictionary has no name for: of the seller, or of the person."""
    if serial % 4:
        return None
    if serial % 8:
        return orjson.dumps({"imp": [{"secure": 1}], "x_score": {"v": serial % 100}}).decode()
    return orjson.dumps(
        {
            "user": {"buyeruid": f"buyer-{person}", "eids": [{"source": "id5.example"}]},
            "device": {"ifa": f"ifa-{person}", "dnt": serial % 2},
        }
    ).decode()


def _requests(config: WorldConfig, rows: Requests) -> Iterator[Record]:
    texts, places = texts_of(config), _places(config)
    placements = market_of(config).placement_ids
    population = len(texts.addresses)
    for (
        auction,
        serial,
        ts,
        exchange,
        person,
        phone,
        known,
        device,
        country,
        age_band,
        gender,
        imps,
        formats,
        placement,
        main,
        agent,
        drift,
    ) in zip(
        hex_texts(mix(id_of(rows.number), config.seed + 1)),
        (rows.number & 0x3FFFFFFFF).tolist(),
        rows.ts.tolist(),
        rows.exchange.tolist(),
        rows.person.tolist(),
        rows.phone.tolist(),
        rows.known.tolist(),
        rows.device.tolist(),
        rows.country.tolist(),
        rows.age_band.tolist(),
        rows.gender.tolist(),
        rows.imps.tolist(),
        rows.formats.tolist(),
        rows.placement.tolist(),
        rows.main.tolist(),
        rows.agent.tolist(),
        rows.drift.tolist(),
        strict=True,
    ):
        currency = CLEARING[exchange]
        site, app = places[placement]
        user = None
        if known or age_band != NONE or gender != NONE:
            user = {
                "id": (f"user_{person}m" if phone else f"user_{person}") if known else None,
                "age_band": AGE_BANDS[age_band] if age_band != NONE else None,
                "gender": GENDERS[gender] if gender != NONE else None,
            }
        device_record: Record = {
            "ua": BOTS[agent] or AGENTS[person % 4],
            "ip": address_of(texts, person % population, agent),
            "device_type": DEVICES[device],
            "os": OPERATING_SYSTEMS[person % 4],
            "geo": _geo(country, person % 2) if country != NONE else None,
        }
        if drift:
            device_record["language"] = "de"
        yield {
            "exchange": EXCHANGES[exchange],
            "id": auction,
            "received_ts": ts,
            "imp": [
                _imp(
                    slot,
                    formats >> slot & 1,
                    (serial + slot) % 132,
                    currency,
                    placements[placement] if slot == main else None,
                )
                for slot in range(imps)
            ],
            "site": site,
            "app": app,
            "device": device_record,
            "user": user,
            "regs": _regs(country in (0, 5, 7), person % 53 == 0),
            "schain": _SCHAINS[exchange],
            "at": 1 + serial % 2,
            "cur": _CURRENCIES[exchange],
            "tmax": 120,
            "ext": _ext(serial, person),
        }


# ---------------------------------------------------------------- bids, wins, notices


def bid_texts(config: WorldConfig, numbers: Any) -> list[str]:
    """Texts of bid ids."""
    return ["bid-" + text for text in hex_texts(mix(numbers, config.seed + 1))]


def _bids(config: WorldConfig, rows: Bids) -> Iterator[Record]:
    market: Market = market_of(config)
    for bid, auction, exchange, slot, item, creative, price, currency, ts, drift in zip(
        bid_texts(config, rows.number),
        hex_texts(mix(id_of(rows.number), config.seed + 1)),
        exchange_of(rows.number).tolist(),
        slot_of(rows.number).tolist(),
        rows.line_item.tolist(),
        rows.creative.tolist(),
        rows.price.tolist(),
        rows.currency.tolist(),
        rows.ts.tolist(),
        rows.drift.tolist(),
        strict=True,
    ):
        record = {
            "bid_id": bid,
            "exchange": EXCHANGES[exchange],
            "auction_id": auction,
            "imp_id": str(slot + 1),
            "line_item_id": market.line_items[item].line_item_id,
            "creative_id": market.creative_ids[creative],
            "bid_price_micros": price,
            "currency": CLEARING[currency],
            "bid_ts": ts,
        }
        if drift:
            record["seat"] = "advertisex-1"
        yield record


def _wins(config: WorldConfig, rows: Wins) -> Iterator[Record]:
    for bid, price, currency, ts in zip(
        bid_texts(config, rows.number),
        rows.price.tolist(),
        rows.currency.tolist(),
        rows.ts.tolist(),
        strict=True,
    ):
        yield {
            "bid_id": bid,
            "clearing_price_micros": price,
            "currency": CLEARING[currency],
            "win_ts": ts,
        }


def _notices(config: WorldConfig, rows: Notices) -> Iterator[Record]:
    for bid, ts in zip(bid_texts(config, rows.number), rows.ts.tolist(), strict=True):
        yield {"bid_id": bid, "billed_ts": ts}
