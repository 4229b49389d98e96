"""Batches of records: one row a record, exact schema, order, headers, bounded slices."""

import json
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from ingestion.adworld.hostile import ad_event, user_event
from ingestion.contracts import all_contracts, raw_schema
from ingestion.contracts.schema import position_columns
from ingestion.landing import LandingContext, Tally, engine, land_json, records

LOADED_AT = datetime(2026, 3, 29, 1, 2, 3, 456789, tzinfo=UTC)


def dump(document: object) -> bytes:
    return json.dumps(document).encode()


@pytest.fixture
def land(make_context: Callable, make_lineage: Callable) -> Callable[..., pa.Table]:
    """`land("user_events.events", values, header_event_ids)`."""

    def run(table: str, values: object, event_ids: object = None) -> pa.Table:
        context = make_context(table)
        lineage = make_lineage(context.contract, len(values))  # type: ignore[arg-type]
        return land_json(context, values, lineage, event_ids)

    return run


def test_an_empty_batch_has_the_schema(land: Callable) -> None:
    landed = land("ad_events.events", pa.array([], pa.binary()))
    assert len(landed) == 0


@pytest.mark.parametrize(
    "contract",
    [contract for contract in all_contracts() if contract.carrier != "avro"],
    ids=lambda contract: contract.name,
)
def test_the_schema_is_the_raw_schema(contract: object, land: Callable) -> None:
    landed = land(contract.name, pa.array([b"{}", None], pa.binary()))  # type: ignore[attr-defined]
    assert landed.schema == raw_schema(contract)  # type: ignore[arg-type]


def test_the_letter_of_the_user_event(land: Callable) -> None:
    value = (
        b'{"timestamp":"2023-10-23T12:34:56Z","event_name":"view","user_identifiers":'
        b'{"platform":"web","id":"user_12345"},"product_information":'
        b'{"name":"Wireless Mouse","SKU":"SKU-1001"}}'
    )
    (row,) = land("user_events.events", pa.array([value])).to_pylist()
    assert list(row)[:8] == [
        *("event_datetime", "event_date", "event_name", "user_id", "user_pseudonym", "platform"),
        *("product_name", "SKU"),
    ]
    assert row["event_datetime"] == datetime(2023, 10, 23, 12, 34, 56, tzinfo=UTC)
    assert row["event_date"] == date(2023, 10, 23)
    assert (row["event_name"], row["user_id"], row["platform"]) == ("view", "user_12345", "web")
    assert (row["product_name"], row["SKU"]) == ("Wireless Mouse", "SKU-1001")


def test_rows_keep_the_order_of_their_records(
    land: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever path judges a record, and wherever slices end."""
    monkeypatch.setattr(records, "SLICE_RECORDS", 7)
    monkeypatch.setattr(records, "SECOND_LOOK_FROM", 2)
    documents = []
    for number in range(50):
        event = ad_event(number)
        if number % 5 == 1:
            event["x"] = number
        if number % 5 == 2:
            event["producer_id"] = 'an "escape"'
        documents.append(b"broken" if number % 5 == 3 else dump(event))
    landed = land("ad_events.events", pa.array(documents))
    expected = [None if number % 5 == 3 else number for number in range(50)]
    assert landed["seq"].to_pylist() == expected
    assert landed["_kafka_offset"].to_pylist() == list(range(50))
    assert Tally.of(landed) == Tally(50, 40, 10, {"parse": 10}, 10)


def test_lineage_and_stamps_are_on_every_row(land: Callable) -> None:
    for row in land("ad_events.events", pa.array([b"broken", dump(ad_event(1))])).to_pylist():
        assert (row["_kafka_topic"], row["_kafka_topic_id"]) == ("topic", "topic-uuid")
        assert (row["_kafka_partition"], row["_ingest_seq"]) == (3, 7)
        assert (row["_contract_version"], row["_loaded_at"]) == (1, LOADED_AT)


def test_a_failed_row_has_no_event_date_but_a_load_date(land: Callable) -> None:
    assert land("ad_events.events", pa.array([b"broken"]))["event_date"].to_pylist() == [None]
    assert land("fx.rates", pa.array([b"broken"]))["_load_date"].to_pylist() == [date(2026, 3, 29)]


def test_the_event_date_is_the_utc_date(land: Callable) -> None:
    events = [ad_event(1) | {"event_ts": "2026-03-29T01:30:00+02:00"}, ad_event(2)]
    landed = land("ad_events.events", pa.array([dump(event) for event in events]))
    assert landed["event_date"].to_pylist() == [date(2026, 3, 28), date(2026, 3, 28)]


def test_exactly_one_payload_is_filled(land: Callable) -> None:
    events = [ad_event(1, kind) for kind in ("impression", "viewability", "video", "click")]
    landed = land("ad_events.events", pa.array([dump(event) for event in events]))
    for row, event in zip(landed.to_pylist(), events, strict=True):
        filled = [name for name in ("impression", "viewability", "video", "click") if row[name]]
        assert filled == [event["event_type"]]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.string()])
def test_values_come_in_any_binary_or_text_array(kind: pa.DataType, land: Callable) -> None:
    values = pa.chunked_array([[dump(user_event(1))], [], [dump(user_event(2)), None]], pa.binary())
    landed = land("user_events.events", values.cast(kind))
    assert landed["_event_id"].to_pylist() == ["hostile-1", "hostile-2", None]


@pytest.mark.parametrize("kind", [pa.binary(), pa.string()])
def test_the_event_id_of_the_value_wins_over_the_header(kind: pa.DataType, land: Callable) -> None:
    bare = user_event(1)
    del bare["event_id"]
    odd = {**bare, "x": 1}
    values = [user_event(1), bare, odd, {**bare, "event_id": None}, bare]
    ids = pa.array(["h0", "h1", "h2", "h3", None]).cast(kind)
    landed = land("user_events.events", pa.array([dump(value) for value in values]), ids)
    assert landed["_event_id"].to_pylist() == ["hostile-1", "h1", "h2", "h3", None]


def test_an_empty_header_is_no_id(land: Callable) -> None:
    event = {"timestamp": "2026-03-28T12:00:00Z"}
    values = [dump(event), dump({**event, "x": 1})]
    landed = land("user_events.events", pa.array(values), pa.array([b"", b""]))
    assert landed["_event_id"].to_pylist() == [None, None]


@pytest.mark.parametrize("header", [b"\xff", b"a\x00b"])
def test_a_header_that_is_no_text_fails_the_record_that_needs_it(
    header: bytes, land: Callable
) -> None:
    bare = user_event(1)
    del bare["event_id"]
    values = pa.array([dump(bare), dump(user_event(2))])
    landed = land("user_events.events", values, pa.array([header, header]))
    assert Tally.of(landed).failed_by_reason == {"parse": 1}
    assert landed["_event_id"].to_pylist() == [None, "hostile-2"]


def test_a_new_field_does_not_send_every_record_to_the_strict_parser(
    land: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A producer that is ahead of the contract sends it with each of its records."""

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(records, "judge_json", refuse)
    events = [dump({**ad_event(number), "x_new": {"a": number}}) for number in range(300)]
    escaped = [dump({**ad_event(number), "x_new": "Zoë"}) for number in range(300)]
    landed = land("ad_events.events", pa.array([*events, *escaped]))
    assert Tally.of(landed) == Tally(600, 600, 0, {}, 600)


def test_slices_are_bounded_in_bytes_but_for_one_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "SLICE_BYTES", 100)
    monkeypatch.setattr(records, "SLICE_RECORDS", 5)
    values = pa.array([b"x" * 40, b"x" * 40, b"x" * 500, None, *[b"y"] * 12])
    assert list(records._slices(values)) == [(0, 2), (2, 1), (3, 5), (8, 5), (13, 3)]


def test_no_query_sees_more_than_a_slice(
    make_context: Callable, make_lineage: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    run = engine.run

    def watched(sql: str, table: pa.Table, *others: object, **more: object) -> pa.Table:
        seen.append(len(table))
        return run(sql, table, *others, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "run", watched)
    monkeypatch.setattr(records, "SLICE_RECORDS", 100)
    context = make_context("user_events.events")
    values = pa.array([dump(user_event(number)) for number in range(1050)])
    landed = land_json(context, values, make_lineage(context.contract, 1050))
    assert Tally.of(landed).loaded == 1050
    assert max(seen) == 100


def test_landing_again_gives_the_same_table(make_context: Callable, make_lineage: Callable) -> None:
    context = make_context("ad_events.events")
    values = pa.array([dump(ad_event(1)), dump({**ad_event(2), "x": 1}), b"broken", None])
    lineage = make_lineage(context.contract, 4)
    assert land_json(context, values, lineage).equals(land_json(context, values, lineage))


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_do_not_change_the_order(
    threads: int, make_context: Callable, make_lineage: Callable
) -> None:
    context = make_context("user_events.events", threads=threads)
    count = 20_000
    values = pa.array(
        [b'{"timestamp":"2026-03-28T12:00:00Z","event_id":"%d"}' % n for n in range(count)]
    )
    landed = land_json(context, values, make_lineage(context.contract, count))
    assert landed["_event_id"].to_pylist() == [str(number) for number in range(count)]


def test_the_context_can_be_sent_to_an_executor(
    make_context: Callable, make_lineage: Callable
) -> None:
    context = make_context("ad_events.events")
    copy: LandingContext = pickle.loads(pickle.dumps(context))  # noqa: S301 - made here
    values, lineage = pa.array([dump(ad_event(1))]), make_lineage(context.contract, 1)
    assert land_json(copy, values, lineage).equals(land_json(context, values, lineage))


def test_position_columns_are_what_the_contract_needs(make_context: Callable) -> None:
    assert position_columns(make_context("fx.rates").contract) == ["_source_file", "_source_line"]
    assert position_columns(make_context("campaigns.sites").contract) == [
        "_source_file",
        "_source_line",
    ]
