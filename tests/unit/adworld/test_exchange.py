"""Auctions and their Avro files: what the platform may rely on, and what is planted."""

import io
import zlib
from typing import Any

import fastavro
import numpy as np
import pytest

from ingestion.adworld.config import DAY_US, SECOND_US, WorldConfig
from ingestion.adworld.exchange.auctions import MOST_DAYS_LATE, auctions_of, bid_of_impression
from ingestion.adworld.exchange.avro import Encoded, container, encoder, long_bytes
from ingestion.adworld.exchange.files import (
    AUCTION_TABLES,
    content_of,
    drops_of,
    rows_of,
)
from ingestion.adworld.exchange.hostile import hostile_records, request_record
from ingestion.adworld.exchange.wire import records_of, schema_of
from ingestion.adworld.frames import NONE
from ingestion.adworld.ids import auction_of, exchange_of, slot_of
from ingestion.adworld.key.events import positions
from ingestion.adworld.market import market_of
from ingestion.adworld.traffic import EXCHANGES, LATE, batch_of, people_of

SLOTS = (0, 11, 12, 17, 23, *LATE)


@pytest.mark.parametrize("slot", SLOTS)
def test_what_was_bought_on_an_exchange_is_a_win_that_rendered(
    config: WorldConfig, slot: int
) -> None:
    auctions = auctions_of(config, 2, slot)
    shown = batch_of(config, 2, slot).impressions
    bought = shown.take(shown.exchange != NONE)
    wanted = bid_of_impression(bought.number, bought.exchange)
    order = np.argsort(auctions.bids.number)
    bids = auctions.bids.take(order)
    place, found = positions(wanted, bids.number)
    assert found.all()
    assert bids.line_item[place].tolist() == bought.line_item.tolist()
    assert bids.creative[place].tolist() == bought.creative.tolist()
    wins = auctions.wins.take(np.argsort(auctions.wins.number))
    of_win, won = positions(wanted, wins.number)
    assert won.all()
    assert wins.price[of_win].tolist() == bought.price.tolist()
    assert wins.currency[of_win].tolist() == bought.currency.tolist()
    assert exchange_of(wanted).tolist() == bought.exchange.tolist()
    assert (bids.price[place] >= bought.price).all()


@pytest.mark.parametrize("slot", SLOTS)
def test_an_auction_happens_in_order(config: WorldConfig, slot: int) -> None:
    auctions = auctions_of(config, 2, slot)
    shown = batch_of(config, 2, slot).impressions
    requests = auctions.requests.take(np.argsort(auctions.requests.number))
    bids = auctions.bids.take(np.argsort(auctions.bids.number))
    wins = auctions.wins.take(np.argsort(auctions.wins.number))
    assert len(np.unique(requests.number)) == len(requests)
    assert len(np.unique(bids.number)) == len(bids)

    request, found = positions(auction_of(bids.number), requests.number)
    assert found.all()
    assert (requests.ts[request] < bids.ts).all()
    bid, found = positions(wins.number, bids.number)
    assert found.all()
    assert (bids.ts[bid] < wins.ts).all()
    win, found = positions(auctions.notices.number, wins.number)
    assert found.all()
    assert (wins.ts[win] <= auctions.notices.ts).all()
    impression, rendered = positions(
        auctions.notices.number, np.sort(bid_of_impression(shown.number, shown.exchange))
    )
    shown_at = shown.ts[np.argsort(bid_of_impression(shown.number, shown.exchange))][impression]
    wait = (auctions.notices.ts - shown_at)[rendered]
    assert ((wait >= 0) & (wait <= MOST_DAYS_LATE * DAY_US + 60 * SECOND_US)).all()


@pytest.mark.parametrize("slot", SLOTS)
def test_a_bid_is_for_a_slot_that_is_offered_in_the_format_of_its_line_item(
    config: WorldConfig, slot: int
) -> None:
    auctions = auctions_of(config, 2, slot)
    requests = auctions.requests.take(np.argsort(auctions.requests.number))
    request, _ = positions(auction_of(auctions.bids.number), requests.number)
    offered = slot_of(auctions.bids.number)
    assert (offered < requests.imps[request]).all()
    formats = np.array([item.ad_format for item in market_of(config).line_items])
    asked = requests.formats[request] >> offered & 1
    assert asked.tolist() == formats[auctions.bids.line_item].tolist()


def test_the_funnel_loses_something_at_every_step(config: WorldConfig) -> None:
    auctions = [auctions_of(config, day, slot) for day in (1, 2, 3) for slot in range(24)]
    shown = [batch_of(config, day, slot).impressions for day in (1, 2, 3) for slot in range(24)]
    bought = np.concatenate([bid_of_impression(rows.number, rows.exchange) for rows in shown])
    wins = np.concatenate([one.wins.number for one in auctions])
    notices = np.concatenate([one.notices.number for one in auctions])
    bids = sum(len(one.bids) for one in auctions)
    slots = sum(int(one.requests.imps.sum()) for one in auctions)
    assert slots > bids > len(wins)
    assert np.count_nonzero(~np.isin(wins, bought)) > 10, "no win without an impression"
    assert np.count_nonzero(~np.isin(notices, bought)) > 3, "no notice without an impression"
    assert np.count_nonzero(~np.isin(bought[bought != NONE], notices)) > 3, "all are billed"
    late = np.concatenate([one.notices_late for one in auctions])
    assert {0, 1, 2} < set(late.tolist()) <= set(range(MOST_DAYS_LATE + 1))


def test_the_audience_is_larger_than_the_people_who_see_ads(config: WorldConfig) -> None:
    requests = [auctions_of(config, day, slot).requests for day in (1, 2, 3) for slot in range(24)]
    asked = np.unique(np.concatenate([rows.person for rows in requests]))
    shown = [batch_of(config, day, slot).impressions for day in (1, 2, 3) for slot in range(24)]
    saw = np.unique(np.concatenate([rows.person for rows in shown]))
    assert np.isin(saw, asked).mean() > 0.9
    assert len(asked) > 1.5 * len(saw)
    assert asked.max() >= len(people_of(config))


def test_two_exchanges_give_out_one_id(config: WorldConfig) -> None:
    records = [
        record
        for slot in range(24)
        for record in records_of(config, auctions_of(config, 1, slot).requests)
    ]
    pairs = {(record["exchange"], record["id"]) for record in records}
    assert len(pairs) == len(records)
    assert len({identifier for _, identifier in pairs}) < len(pairs)


def _read(content: bytes) -> list[Any]:
    return list(fastavro.reader(io.BytesIO(content)))


def test_every_file_reads_as_it_should(config: WorldConfig) -> None:
    flavours: dict[str, set[str]] = {table: set() for table in AUCTION_TABLES}
    for day in (1, 2):
        for drop in drops_of(config, day):
            rows = rows_of(config, drop)
            if not rows:
                continue
            flavours[drop.table].add(drop.flavour)
            content = content_of(config, drop, rows)
            if drop.flavour in ("cut off", "bad block"):
                with pytest.raises((EOFError, zlib.error)):
                    _read(content)
                continue
            records = _read(content)
            assert len(records) == len(rows.frame) + len(rows.hostile)
            extra = {
                value
                for record in records
                for value in (record.get("seat"), record.get("device", {}).get("language"))
            } - {None}
            assert bool(extra) == (drop.flavour == "extra")
    assert flavours["bid_requests"] >= {"whole", "again", "version", "cut off", "extra"}
    assert flavours["bids"] >= {"whole", "version", "bad block", "resent", "extra"}
    assert flavours["wins"] >= {"whole", "copy", "version", "retyped", "resent"}


def test_a_new_version_of_a_file_holds_the_old_one(config: WorldConfig) -> None:
    contents: dict[str, list[Any]] = {}
    versions = 0
    for day in (1, 2):
        for drop in drops_of(config, day):
            name = drop.name(config)
            if drop.flavour == "version":
                records = _read(content_of(config, drop, rows_of(config, drop)))
                assert [one for one in contents[name] if one not in records] == []
                assert len(records) > len(contents[name])
                versions += 1
            elif drop.flavour == "whole":
                contents[name] = _read(content_of(config, drop, rows_of(config, drop)))
    assert versions == len(AUCTION_TABLES)


def test_every_hostile_record_is_planted_and_carried_by_avro(config: WorldConfig) -> None:
    planted = {
        (case.table, case.name)
        for day in range(1, config.days + 1)
        for drop in drops_of(config, day)
        for case, _ in rows_of(config, drop).hostile
    }
    assert planted == {(case.table, case.name) for case in hostile_records()}
    for case in hostile_records():
        fastavro.schemaless_writer(
            io.BytesIO(),
            fastavro.parse_schema(schema_of(case.table.partition(".")[2])),
            case.build(1),
        )


@pytest.mark.parametrize("codec", ["null", "deflate"])
@pytest.mark.parametrize("block_bytes", [1, 500, 100_000])
def test_the_encoder_writes_what_fastavro_reads(codec: str, block_bytes: int) -> None:
    schema = schema_of("bid_requests")
    records = [request_record(n) for n in range(7)]
    records[3]["ext"] = "é" * 200
    records[4]["tmax"] = 2**63 - 1
    content = container(schema, records, codec=codec, block_bytes=block_bytes, sync=b"s" * 16)
    plain = [dict(record) for record in _read(content)]
    epoch = plain[0]["received_ts"]
    assert [{**record, "received_ts": epoch} for record in records] == plain
    blocks = list(fastavro.block_reader(io.BytesIO(content)))
    # A record has 200 bytes; the one with the long text fills a block of 500.
    assert len(blocks) in {1: [7], 500: [3, 4], 100_000: [1]}[block_bytes]


@pytest.mark.parametrize("value", [0, -1, 1, 63, 64, -64, -65, 2**62, 2**63 - 1, -(2**63)])
def test_integers_are_written_as_fastavro_writes_them(value: int) -> None:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, "long", value)
    assert long_bytes(value) == stream.getvalue()


def test_a_part_that_is_encoded_once_stands_for_its_value() -> None:
    schema = schema_of("bid_requests")
    regs = next(field for field in schema["fields"] if field["name"] == "regs")["type"]
    record = request_record(1)
    part = Encoded(encoder(regs)(record["regs"]))
    assert encoder(schema)({**record, "regs": part}) == encoder(schema)(record)


def test_no_encoder_for_a_type_that_no_contract_has() -> None:
    with pytest.raises(ValueError, match="enum"):
        encoder({"type": "enum", "name": "e", "symbols": ["a"]})


def test_exchanges_are_as_many_as_a_number_can_tell() -> None:
    assert len(EXCHANGES) <= 4
