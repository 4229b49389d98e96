"""The vectorised path accepts only what the strict parser accepts, with the same values."""

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.adworld.hostile import file_impression
from ingestion.landing import LandingContext, engine, land_json, records
from ingestion.landing.fast import Look, json_query
from ingestion.landing.rows import accepted_rows, body_schema, strict_rows
from ingestion.landing.strict import judge_json
from ingestion.landing.utf8 import decode
from ingestion.landing.values import EARLIEST, LATEST

TABLES = ("ad_events.events", "user_events.events", "adserver.impressions", "fx.rates")

thorough = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def early_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "SECOND_LOOK_FROM", 20)


def strict_table(context: LandingContext, values: list[bytes | None]) -> pa.Table:
    verdicts = [judge_json(context.contract, value) for value in values]
    return strict_rows(context, verdicts, values)


def look_at(
    context: LandingContext, values: list[bytes | None], look: Look
) -> tuple[pa.Table, np.ndarray]:
    texts = decode(pa.array(values, pa.binary()), context.contract.max_record_bytes)
    found = engine.run(
        json_query(context.contract, look),
        pa.table({"record": texts, "event_id": pa.nulls(len(values), pa.string())}),
        threads=1,
    )
    rows, doubtful, _ = accepted_rows(context, found)
    return rows, ~doubtful


def assert_same(values: list[bytes | None], found: pa.Table, expected: pa.Table) -> None:
    if found.equals(expected):
        return
    for value, left, right in zip(values, found.to_pylist(), expected.to_pylist(), strict=True):
        assert left == right, value
    pytest.fail("the tables differ where their rows do not")


@pytest.mark.parametrize("table", TABLES)
@given(seed=st.integers(0, 2**32))
@thorough
def test_whatever_a_look_accepts_the_strict_parser_accepts_alike(
    table: str, seed: int, make_context: Callable, make_records: Callable
) -> None:
    context = make_context(table)
    maker = make_records(context.contract, seed)
    values = [maker.hostile() for _ in range(150)]
    expected = strict_table(context, values)
    for look in Look:
        rows, accepted = look_at(context, values, look)
        places = np.flatnonzero(accepted)
        assert_same(
            [values[place] for place in places], rows.take(places), expected.take(pa.array(places))
        )


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.usefixtures("early_second_look")
@given(seed=st.integers(0, 2**32))
@thorough
def test_landing_gives_the_rows_of_the_strict_parser(
    table: str, seed: int, make_context: Callable, make_records: Callable, make_lineage: Callable
) -> None:
    context = make_context(table)
    maker = make_records(context.contract, seed)
    values = [maker.lawful() if index % 2 else maker.hostile() for index in range(150)]
    landed = land_json(
        context, pa.array(values, pa.binary()), make_lineage(context.contract, len(values))
    )
    body = landed.select(body_schema(context.contract).names)
    assert_same(values, body, strict_table(context, values))


@pytest.mark.parametrize("table", TABLES)
def test_lawful_records_pass_the_strict_parser(
    table: str, make_context: Callable, make_records: Callable
) -> None:
    contract = make_context(table).contract
    maker = make_records(contract, 1)
    for _ in range(300):
        value = maker.lawful()
        assert judge_json(contract, value).failure is None, value


@pytest.mark.parametrize(
    ("written", "look"),
    [
        (b'{"rate_date":"2026-03-28","base":"EUR","quote":"USD","rate":"1.08"}', Look.PLAIN),
        (b'{"rate": "1.08", "quote": "USD", "base": "EUR", "rate_date": "2026-03-28"}', Look.PLAIN),
        (b'{\n "rate_date": "2026-03-28","base":"EUR","quote":"USD","rate":"1.08"\n}', Look.PLAIN),
        (
            b'{"rate_date":"2026-03-28","base":"EU\\u0052","quote":"USD","rate":"1.08"}',
            Look.ESCAPED,
        ),
    ],
    ids=["compact", "blanks and another order", "lines", "escapes"],
)
def test_usual_ways_to_write_a_record_do_not_need_the_strict_parser(
    written: bytes, look: Look, make_context: Callable
) -> None:
    _, accepted = look_at(make_context("fx.rates"), [written], look)
    assert accepted.tolist() == [True]


_FIRST, _END = EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None)
_DAY = timedelta(days=1)


@given(
    moments=st.lists(st.datetimes(_FIRST - 2 * _DAY, _END + 2 * _DAY), min_size=20),
    seed=st.integers(0, 2**32),
)
@thorough
def test_every_offset_gives_the_moment_of_the_strict_parser(
    moments: list[datetime], seed: int, make_context: Callable
) -> None:
    context, pick = make_context("user_events.events"), random.Random(seed)
    values: list[bytes | None] = []
    for moment in [_FIRST, _END - timedelta(microseconds=1), _END, *moments]:
        sign, minutes = pick.choice("+-"), pick.choice((0, 1, 59, 60, 330, 14 * 60, 24 * 60 - 1))
        offset = f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
        texts = (f"{moment.isoformat()}{offset}", f"{moment.isoformat()}Z")
        values += [b'{"timestamp":"%s"}' % text.encode() for text in texts]
    expected = strict_table(context, values)
    rows, accepted = look_at(context, values, Look.PLAIN)
    # Only what is written with another year's date is left to the strict parser.
    good = [row["event_datetime"] is not None for row in expected.to_pylist()]
    wanted = [fine and b':"2' in value for fine, value in zip(good, values, strict=True) if value]
    assert accepted.tolist() == wanted
    places = np.flatnonzero(accepted)
    assert rows.take(places).equals(expected.take(pa.array(places)))


_ADDRESSES = st.one_of(
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda address: address.exploded.upper()),
    st.text("0123456789abcdefF:.%/ [{", max_size=45),
)


@given(addresses=st.lists(_ADDRESSES, min_size=10))
@thorough
def test_every_address_is_judged_and_replaced_as_by_the_strict_parser(
    addresses: list[str], make_context: Callable
) -> None:
    context = make_context("adserver.impressions")
    usual = ["203.0.113.9", "::", "::1", "2001:DB8::0001", "::ffff:1.2.3.4", "1.2.3.4:80", ":"]
    values: list[bytes | None] = [
        json.dumps(file_impression(1) | {"ip": address}, separators=(",", ":")).encode()
        for address in [*usual, *addresses]
    ]
    expected = strict_table(context, values)
    rows, accepted = look_at(context, values, Look.PLAIN)
    assert accepted.tolist() == [ip is not None for ip in expected["ip"].to_pylist()]
    places = np.flatnonzero(accepted)
    assert rows.take(places).equals(expected.take(pa.array(places)))


@pytest.mark.parametrize("ip", [b'{"::1":1}', b'["::1"]', b'{":":":"}', b"11"])
def test_what_is_no_text_is_no_address(ip: bytes, make_context: Callable) -> None:
    record = json.dumps(file_impression(1) | {"ip": "X"}, separators=(",", ":")).encode()
    _, accepted = look_at(
        make_context("adserver.impressions"), [record.replace(b'"X"', ip)], Look.PLAIN
    )
    assert accepted.tolist() == [False]


def test_explicit_nulls_do_not_need_the_strict_parser(make_context: Callable) -> None:
    event = (
        b'{"timestamp":"2023-10-23T12:34:56Z","event_name":null,"user_identifiers":null,'
        b'"product_information":{"name":null,"SKU":"SKU-1"}}'
    )
    _, accepted = look_at(make_context("user_events.events"), [event], Look.PLAIN)
    assert accepted.tolist() == [True]


@pytest.mark.parametrize(
    "record",
    [
        b'{"rate_date":"2026-03-28","base":"EUR","quote":"USD","rate":"1.08",}',
        b'{"rate_date":"2026-03-28","base":"EUR","quote":"USD","rate":"1.08", }',
        b'{"rate_date": "2026-03-28","base":"EUR","quote":"USD","rate":"1.08",}',
        b'{"rate_date":"2026-03-28","base":"EUR","quote":"USD","rate":1.08}',
        b'{"rate_date":"2026-03-28","base":"EUR","quote":"USD","rate":NaN}',
        b'{"rate_date":"2026-03-28","base":"EUR","quote":"USD","rate":"1.08","rate":"1.08"}',
        b'{"rate_date":null,"rate_date":"2026-03-28","base":"EUR","quote":"USD","rate":"1.08"}',
        b'{"rate_date":"2026-03-28","base":"EUR","quote":"USD","rate":"1.08","":0}',
        b'{"rate_date":"2026-03-28","base":"EUR","quote":"USD","rate":"1.08","x":null}',
        b'{"rate_date":"2026-03-28","base":"EUR","quote":"USD","rate":{"x":"1.08"}}',
        b'{"Rate_date":"2026-03-28","base":"EUR","quote":"USD","rate":"1.08"}',
    ],
)
@pytest.mark.parametrize("look", Look)
def test_what_duckdb_lets_pass_is_in_doubt(
    record: bytes, look: Look, make_context: Callable
) -> None:
    _, accepted = look_at(make_context("fx.rates"), [record], look)
    assert accepted.tolist() == [False]
