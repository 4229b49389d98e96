"""Avro files: rows with exact numbers, hostile records in their class, broken files by name."""

import copy
import io
import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pytest

from ingestion.adworld.exchange.hostile import hostile_records, request_record
from ingestion.contracts import Contract, Field, load_contract, raw_schema
from ingestion.contracts.avro import avro_schema
from ingestion.errors import AdxError, ExitCode
from ingestion.landing import KeyStore, LandingContext, Tally, land_avro_file
from ingestion.landing import avro_files as module
from ingestion.landing.avro_files import land_nested, strict_records, without_nulls
from ingestion.landing.avro_records import BlockReader
from ingestion.landing.keys import hmac_hex

REQUESTS = load_contract("exchange", "bid_requests")
BIDS = load_contract("exchange", "bids")
SYNC = b"0123456789abcdef"

Record = dict[str, Any]


def schema_of(contract: Contract) -> Any:
    return copy.deepcopy(avro_schema(contract))


def field_of(schema: Any, path: str) -> Any:
    """A field of a writer schema by its dotted path; changes of it change the schema."""
    name, _, rest = path.partition(".")
    field = next(field for field in schema["fields"] if field["name"] == name)
    if not rest:
        return field
    kind = field["type"][1] if isinstance(field["type"], list) else field["type"]
    return field_of(kind.get("items", kind), rest)


def avro(
    schema: Any, records: Iterable[Record], *, codec: str = "null", block: int = 2000
) -> bytes:
    file = io.BytesIO()
    parsed = fastavro.parse_schema(copy.deepcopy(schema))
    fastavro.writer(
        file, parsed, records, codec=codec, sync_interval=block, sync_marker=SYNC, validator=False
    )
    return file.getvalue()


def changed(record: Record, path: str, value: object) -> Record:
    """A copy with another value at a path; numbers stand for elements."""
    made = copy.deepcopy(record)
    *parents, last = path.split(".")
    node: Any = made
    for parent in parents:
        node = node[int(parent) if parent.isdigit() else parent]
    node[int(last) if last.isdigit() else last] = value
    return made


def bid(number: int) -> Record:
    return {
        "bid_id": f"bid-{number}",
        "exchange": "openx",
        "auction_id": f"auction-{number}",
        "imp_id": "1",
        "line_item_id": "l1",
        "creative_id": "c1",
        "bid_price_micros": 1_500_000,
        "currency": "USD",
        "bid_ts": 1_774_699_200_000_000 + number,
    }


@pytest.fixture
def land(make_context: Callable, tmp_path: Path) -> Callable[..., pa.Table]:
    def land(table: str, content: bytes) -> pa.Table:
        path = tmp_path / "taken"
        path.write_bytes(content)
        return pa.concat_tables(land_avro_file(make_context(table), path, "sent.avro"))

    return land


@pytest.fixture(params=["fast", "exact"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Once with the fast reader alone, and once with the exact one."""

    def never(*_: object) -> None:
        raise AssertionError("the fast reader was not sure")

    if request.param == "exact":
        monkeypatch.setattr(BlockReader, "fast", lambda *_: None)
    else:
        monkeypatch.setattr(BlockReader, "exact", never)
    return str(request.param)


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_a_record_becomes_a_typed_row(codec: str, way: str, land: Callable, keys: KeyStore) -> None:
    record = request_record(1) | {"ext": '{"bcat":["IAB25"],"device":{"ifa":"secret"}}'}
    landed = land("exchange.bid_requests", avro(schema_of(REQUESTS), [record], codec=codec))
    assert landed.schema == raw_schema(REQUESTS)
    (row,) = landed.to_pylist()
    key = keys.pseudonym_key()
    assert row["_error"] is None
    assert (row["exchange"], row["id"], row["at"], row["cur"]) == ("openx", "hostile-1", 1, ["USD"])
    assert row["received_ts"].isoformat() == "2026-03-28T12:00:00+00:00"
    assert row["event_date"].isoformat() == "2026-03-28"
    assert [imp["id"] for imp in row["imp"]] == ["1", "2"]
    assert row["imp"][0]["deals"] == []
    assert str(row["imp"][1]["deals"][0]["bidfloor"]) == "1.250000000"
    assert row["site"]["domain"] == "site0.example"
    assert (row["app"], row["schain"]) == (None, [])
    assert row["device"]["ip"] == hmac_hex(key, "203.0.113.9")
    assert row["device"]["ip_prefix"] == "203.0.113.0/24"
    assert row["user"]["id"] == hmac_hex(key, "hostile-user-1")
    assert json.loads(row["ext"]) == {
        "bcat": ["IAB25"],
        "device": {"ifa": hmac_hex(key, "secret")},
    }
    assert (row["_source_file"], row["_source_line"], row["_extras"]) == ("sent.avro", 1, None)


def test_records_are_numbered_through_all_blocks_and_chunks(
    way: str, land: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK_BYTES", 9000)
    content = avro(schema_of(BIDS), [bid(number) for number in range(500)], codec="deflate")
    landed = land("exchange.bids", content)
    assert landed["_source_line"].to_pylist() == list(range(1, 501))
    assert landed["bid_id"].to_pylist() == [f"bid-{number}" for number in range(500)]


def test_a_file_without_records_is_lawful(land: Callable) -> None:
    landed = land("exchange.bids", avro(schema_of(BIDS), []))
    assert (len(landed), landed.schema) == (0, raw_schema(BIDS))


def test_unknown_fields_are_extras_and_null_ones_are_none(
    way: str, land: Callable, keys: KeyStore
) -> None:
    schema = schema_of(REQUESTS)
    words = {"type": "map", "values": "string"} if way == "exact" else "string"
    for parent in (schema, field_of(schema, "device")["type"], imp_of(schema), deal_of(schema)):
        parent["fields"].append({"name": "new.er", "type": ["null", words], "default": None})
    value = {"k": "v"} if way == "exact" else "v"
    plain, drifting = request_record(1), request_record(2)
    for place in (drifting, drifting["device"], drifting["imp"][1], drifting["imp"][1]["deals"][0]):
        place["new.er"] = value
    # a name that Avro does not allow, so that the path shows its escape
    content = avro(
        json.loads(json.dumps(schema).replace("new.er", "newer")),
        [plain, json.loads(json.dumps(drifting).replace("new.er", "newer"))],
    )
    landed = land("exchange.bid_requests", content)
    assert Tally.of(landed) == Tally(rows=2, loaded=2, drift=1)
    first, second = landed["_extras"].to_pylist()
    assert first is None
    assert json.loads(keys.decrypt(second)) == {
        "newer": value,
        "device.newer": value,
        "imp.1.newer": value,
        "imp.1.deals.0.newer": value,
    }
    assert landed["imp"].to_pylist()[1][1]["deals"][0].keys() == {"id", "bidfloor"}


def imp_of(schema: Any) -> Any:
    return field_of(schema, "imp")["type"]["items"]


def deal_of(schema: Any) -> Any:
    return field_of(schema, "imp.deals")["type"]["items"]


def test_a_writer_may_say_less_and_in_another_order(way: str, land: Callable) -> None:
    schema = schema_of(REQUESTS)
    schema["fields"] = [
        field for field in reversed(schema["fields"]) if field["name"] not in {"app", "ext", "user"}
    ]
    imp_of(schema)["fields"] = [
        field for field in imp_of(schema)["fields"] if field["name"] != "tagid"
    ]
    field_of(schema, "at")["type"] = "int"
    field_of(schema, "device.ua")["type"] = ["string", "null"]
    landed = land("exchange.bid_requests", avro(schema, [request_record(1)]))
    assert Tally.of(landed) == Tally(rows=1, loaded=1)
    assert landed["imp"].to_pylist()[0][0]["tagid"] is None
    assert landed["user"].to_pylist() == [None]


# ---------------------------------------------------------------- hostile records


def hostile_requests() -> list[tuple[str, str, Record]]:
    """More than the ad world sends: what only an unusual writer schema can carry."""
    lawful = request_record(0)
    huge = "x" * (REQUESTS.max_record_bytes // 2)
    return [
        ("required text null", "schema", changed(lawful, "id", None)),
        ("required number null", "schema", changed(lawful, "at", None)),
        ("required time null", "schema", changed(lawful, "received_ts", None)),
        ("required object null", "schema", changed(lawful, "device", None)),
        ("required array null", "schema", changed(lawful, "imp", None)),
        ("required member null", "schema", changed(lawful, "device.ip", None)),
        ("required flag null", "schema", changed(lawful, "regs.gdpr", None)),
        ("element null", "schema", changed(lawful, "cur", ["USD", None])),
        ("record of an array null", "schema", changed(lawful, "imp.1", None)),
        ("member of an element null", "schema", changed(lawful, "imp.1.bidfloor", None)),
        ("array in an element null", "schema", changed(lawful, "imp.0.deals", None)),
        ("member of an inner element null", "schema", changed(lawful, "imp.1.deals.0.id", None)),
        ("no slot", "contract", changed(lawful, "imp", [])),
        ("ext an array", "contract", changed(lawful, "ext", "[1]")),
        ("ext cut off", "contract", changed(lawful, "ext", '{"a":')),
        ("ext not a number", "contract", changed(lawful, "ext", '{"a":NaN}')),
        ("ext empty", "contract", changed(lawful, "ext", "")),
        ("ext too deep", "contract", changed(lawful, "ext", '{"a":' * 40 + "1" + "}" * 40)),
        ("currency of an element", "contract", changed(lawful, "cur", ["USD", "EURO"])),
        ("time at the end of numbers", "contract", changed(lawful, "received_ts", 2**63 - 1)),
        ("time at their beginning", "contract", changed(lawful, "received_ts", -(2**63))),
        ("NUL in a text", "parse", changed(lawful, "device.ua", "a\0b")),
        ("NUL in an element", "parse", changed(lawful, "imp.1.tagid", "\0")),
        ("NUL in a text element", "parse", changed(lawful, "site.cat", ["IAB1", "\0"])),
        ("one text too long", "oversize", changed(lawful, "device.ua", huge * 2)),
        ("many texts too long", "oversize", changed(changed(lawful, "site.id", huge), "id", huge)),
        ("elements too long", "oversize", changed(lawful, "cur", ["USD"] * 60_000)),
    ]


def all_nullable(node: Any) -> Any:
    """A writer schema in which everything may be null."""
    if isinstance(node, dict) and node.get("type") == "record":
        fields = [
            {"name": field["name"], "type": all_nullable(field["type"])} for field in node["fields"]
        ]
        return ["null", {**node, "fields": fields}]
    if isinstance(node, dict) and node.get("type") == "array":
        return ["null", {"type": "array", "items": all_nullable(node["items"])}]
    if isinstance(node, list):
        inner = all_nullable(node[1])
        return inner if isinstance(inner, list) else node
    return ["null", node]


def test_every_hostile_record_fails_in_its_class_and_the_others_land(
    way: str, land: Callable, make_context: Callable
) -> None:
    cases = [
        *hostile_requests(),
        *(
            (case.name, case.reason, case.build(0))
            for case in hostile_records("exchange.bid_requests")
        ),
    ]
    assert len(cases) >= 50
    good = request_record(1)
    records = [record for _, _, record in cases for record in (record, good)]
    content = avro(all_nullable(schema_of(REQUESTS))[1], records)
    landed = land("exchange.bid_requests", content)
    assert Tally.of(landed).rows == 2 * len(cases)
    errors = landed["_error"].to_pylist()
    assert errors[1::2] == [None] * len(cases)
    found = {
        name: (error or {}).get("reason")
        for (name, _, _), error in zip(cases, errors[::2], strict=True)
    }
    assert found == {name: reason for name, reason, _ in cases}


def test_a_text_that_is_no_utf_8_fails_its_record_alone(land: Callable, keys: KeyStore) -> None:
    records = [bid(number) | {"creative_id": f"TEXT-{number}"} for number in range(3)]
    content = avro(schema_of(BIDS), records).replace(b"TEXT-1", b"\xff\xfeXT-1")
    landed = land("exchange.bids", content)
    assert landed["creative_id"].to_pylist() == ["TEXT-0", None, "TEXT-2"]
    error = landed["_error"].to_pylist()[1]
    assert error["reason"] == "parse"
    assert b'"creative_id":"\xff\xfeXT-1"' in keys.decrypt(error["payload"])


@pytest.mark.parametrize("table", ["bids", "wins", "billing_notices"])
def test_hostile_records_of_the_other_tables_fail_too(
    table: str, land: Callable, keys: KeyStore
) -> None:
    cases = hostile_records(f"exchange.{table}")
    records = [case.build(number) for number, case in enumerate(cases)]
    schema = schema_of(load_contract("exchange", table))
    landed = land(f"exchange.{table}", avro(schema, records))
    errors = landed["_error"].to_pylist()
    assert [error["reason"] for error in errors] == [case.reason for case in cases]
    for record, error in zip(records, errors, strict=True):
        assert json.loads(keys.decrypt(error["payload"])) == record
        assert not any(str(value) in error["message"] for value in (record["bid_id"] or "?",))


# ---------------------------------------------------------------- the vectorised path


_ODD: dict[str, list[Any]] = {
    "str": ["", "a", "é" * 3, "USD", "DE", "203.0.113.9", "2001:db8::1", "::1%x", "a\0", "x" * 99],
    "json": ["{}", '{"user":{"id":"u"}}', '{"a":1.50}', "[]", "{", '{"\\u0075ser":{"yob":1}}'],
    "enum": ["display", "video", "desktop", "ctv", "Video", ""],
    "dec": ["0", "-0", "1.5", "0.1234567891", "1e2", "90.000000001", "-180", "9" * 29, "9" * 30],
    "int": [0, 1, -1, 2**63 - 1, -(2**63), 300],
    "bool": [True, False],
    "ts": [0, 1_774_699_200_000_001, 946_684_800_000_000, 4_102_444_800_000_000, 2**63 - 1],
}


def odd_value(pick: random.Random, field: Field) -> Any:
    """A value of the right type; lawful more often than not."""
    if not field.required and pick.random() < 0.2:
        return None
    if field.type == "struct":
        return {child.name: odd_value(pick, child) for child in field.fields}
    if field.items is not None:
        count = pick.choice((0, 1, 1, 2, 3))
        return [odd_value(pick, field.items) for _ in range(count)]
    if pick.random() < 0.03:
        return pick.choice(_ODD[field.type])
    lawful = {
        "str": "203.0.113.9" if field.pii == "ip" else "EUR"[: field.length or 3],
        "json": '{"user":{"id":"u","x":1.0},"y":[]}',
        "enum": (field.values or ("",))[0],
        "dec": "1.50",
        "int": 250,
        "bool": True,
        "ts": 1_774_699_200_000_000,
    }
    return lawful[field.type]


@pytest.mark.parametrize("seed", range(4))
def test_the_vectorised_path_accepts_what_the_strict_parser_does(
    seed: int, make_context: Callable
) -> None:
    context: LandingContext = make_context("exchange.bid_requests")
    pick = random.Random(seed)
    records = []
    for _ in range(400):
        record = {field.name: odd_value(pick, field) for field in REQUESTS.fields}
        if pick.random() < 0.9:
            kept = pick.choice(("site", "app"))
            for field in REQUESTS.fields:
                if field.name in {"site", "app"}:
                    other = {child.name: odd_value(pick, child) for child in field.fields}
                    record[field.name] = other if field.name == kept else None
        record["device"]["x_new"] = pick.choice((None, None, "new"))
        records.append(record)
    landed = land_nested(context, pa.Table.from_pylist(records, schema=_arrow_schema()))
    expected = strict_records(context, [without_nulls(record) for record in records])
    for record, left, right in zip(records, landed.to_pylist(), expected.to_pylist(), strict=True):
        assert left == right, record
    tally = Tally.of(landed)
    assert tally.loaded > 100
    assert tally.failed > 50
    assert tally.drift > 20


def _arrow_schema() -> pa.Schema:
    plain = {"int": pa.int64(), "ts": pa.int64(), "bool": pa.bool_()}

    def kind(field: Field) -> pa.DataType:
        if field.type == "struct":
            extra = [pa.field("x_new", pa.string())] if field.name == "device" else []
            return pa.struct([pa.field(c.name, kind(c)) for c in field.fields] + extra)
        if field.items is not None:
            return pa.list_(kind(field.items))
        return plain.get(field.type, pa.string())

    return pa.schema([pa.field(field.name, kind(field)) for field in REQUESTS.fields])


def test_the_usual_file_needs_no_strict_parser(
    land: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[int] = []

    def counted(context: LandingContext, records: list[Record]) -> pa.Table:
        judged.append(len(records))
        return strict_records(context, records)

    monkeypatch.setattr(module, "strict_records", counted)
    records = [request_record(number) for number in range(50)]
    landed = land("exchange.bid_requests", avro(schema_of(REQUESTS), records, codec="deflate"))
    assert Tally.of(landed).loaded == 50
    assert judged == [0]


# ---------------------------------------------------------------- broken files


def blocks_of(content: bytes) -> list[int]:
    """Where the blocks begin, and where the last one ends."""
    places = []
    place = content.index(SYNC) + len(SYNC)
    while True:
        places.append(place)
        found = content.find(SYNC, place)
        if found < 0:
            return places
        place = found + len(SYNC)


MANY = [bid(number) for number in range(200)]
PLAIN = avro(schema_of(BIDS), MANY)
PACKED = avro(schema_of(BIDS), MANY, codec="deflate")
STARTS = blocks_of(PLAIN)


def with_byte(content: bytes, place: int, value: int) -> bytes:
    return content[:place] + bytes([value]) + content[place + 1 :]


def long_text(block: bytes) -> bytes:
    """A block whose first auction is said to have 127 bytes: more of them are there, but not so."""
    place = block.index(b"auction") - 1
    return block[:place] + b"\xfe\x01" + block[place + 2 :]


def third_block(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    first, end = blocks_of(content)[2:4]
    return content[:first] + change(content[first:end]) + content[end:]


BROKEN: dict[str, tuple[bytes, str]] = {
    "an empty file": (b"", "no Avro object container file: it is empty"),
    "CSV": (b"bid_id,exchange\n1,2\n", "no Avro object container file: it does not begin"),
    "Avro without its magic": (PLAIN[1:], "no Avro object container file"),
    "a header that is cut off": (PLAIN[:200], "header of sent.avro is damaged"),
    "a header without a schema": (
        PLAIN.replace(b"avro.schema", b"avro.nonono"),
        "header of sent.avro is damaged",
    ),
    "a schema that is no JSON": (PLAIN.replace(b'{"type', b'["type', 1), "damaged"),
    "a schema of unknown types": (
        PLAIN.replace(b'"string"', b'"strong"', 1),
        "the contract says string",
    ),
    "another codec": (
        PACKED.replace(b"deflate", b"bzipped", 1),
        "packed with the codec bzipped",
    ),
    "cut off in a block": (PLAIN[: STARTS[3] + 100], "cut off: it ends within block 4"),
    "cut off in the end marker": (PLAIN[: STARTS[3] - 5], "cut off: it ends within block 3"),
    "cut off in a block's numbers": (PLAIN[: STARTS[3] + 1], "cut off: it ends within block 4"),
    "packed and cut off": (PACKED[:-20], "cut off: it ends within block"),
    "a wrong end marker": (with_byte(PLAIN, STARTS[3] - 1, 0), "Block 3 .* marker at its end"),
    "a length that is negative": (
        third_block(PLAIN, lambda block: block[:1] + b"\x01" + block[2:]),
        "Block 3 .* is damaged",
    ),
    "a block that cannot be inflated": (
        third_block(PACKED, lambda block: block[:4] + b"\xff" * 8 + block[12:]),
        "Block 3 .* cannot be unpacked",
    ),
    "a text that is longer than its block": (
        third_block(PLAIN, long_text),
        "Block 3 .* is damaged",
    ),
    "a text that takes its neighbour": (
        third_block(PLAIN, lambda block: block.replace(b"\x0aopenx", b"\x0copenx", 1)),
        "Block 3 .* is damaged",
    ),
    "a block with more than its records": (
        third_block(PLAIN, lambda block: bytes([block[0] - 2]) + block[1:]),
        "Block 3 .* holds more than its records",
    ),
    "a block with fewer records than it says": (
        third_block(PLAIN, lambda block: bytes([block[0] + 2]) + block[1:]),
        "Block 3 .* cannot be read",
    ),
}


def number(value: int) -> bytes:
    content = io.BytesIO()
    fastavro.schemaless_writer(content, "long", value)
    return content.getvalue()


def with_header(schema: bytes) -> bytes:
    """A file without blocks."""
    return b"Obj\x01\x02\x16avro.schema" + number(len(schema)) + schema + b"\x00" + SYNC


def with_field(kind: object, value: bytes, name: object = "more") -> bytes:
    """A file of one bid that has a field which no contract knows."""
    schema = schema_of(BIDS)
    content = io.BytesIO()
    fastavro.schemaless_writer(content, schema, bid(1))
    content.write(value)
    schema["fields"].append({"name": name, "type": kind})
    size = len(content.getvalue())
    block = number(1) + number(size) + content.getvalue() + SYNC
    return with_header(json.dumps(schema).encode()) + block


def nested_type(levels: int) -> object:
    kind: object = "string"
    for _ in range(levels):
        kind = {"type": "array", "items": kind}
    return kind


def doubled_type(levels: int) -> object:
    """A record of 2 records of 2 records ..., each declared once."""
    kind: object = "string"
    for level in range(levels):
        fields = [{"name": "a", "type": kind}, {"name": "b", "type": f"r{level - 1}"}]
        kind = {"type": "record", "name": f"r{level}", "fields": fields[: 2 if level else 1]}
    return kind


NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}

BROKEN |= {
    "a header of too many levels": (with_header(b"[" * 100_000), "it holds no Avro schema"),
    "a record within itself": (
        with_field(NODE, b"\x02" * 60 + b"\x00"),
        "its schema has the record Node within itself",
    ),
    "a type of too many levels": (with_field(nested_type(40), b"\x00"), "42 levels deep"),
    "a type of too many types": (with_field(doubled_type(25), b"\x00"), "types, where 32 and"),
    "an unknown type of an unknown field": (with_field("strong", b"\x00"), "a rule of Avro's"),
    "an enum with one symbol twice": (
        with_field({"type": "enum", "name": "E", "symbols": ["A", "A"]}, b"\x00"),
        "a rule of Avro's",
    ),
    "a fixed type without a size": (
        with_field({"type": "fixed", "name": "F"}, b"\x00"),
        "a rule of Avro's",
    ),
    "a number as the name of a field": (
        with_field("string", b"\x00", name=7),
        "it holds no Avro schema",
    ),
}


def test_a_field_that_no_contract_knows_may_be_of_any_type(land: Callable) -> None:
    """Which shows that the files above are refused for what is wrong with them."""
    kind = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
    for content in (with_field(kind, b"\x02"), with_field(nested_type(25), b"\x00")):
        assert Tally.of(land("exchange.bids", content)).loaded == 1


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_with_what_is_wrong(name: str, land: Callable) -> None:
    content, message = BROKEN[name]
    with pytest.raises(AdxError, match=message) as caught:
        land("exchange.bids", content)
    assert caught.value.exit_code == ExitCode.DATA
    assert "sent.avro" in caught.value.message
    assert caught.value.remedy


def test_a_file_that_cannot_be_read_is_unavailable(make_context: Callable, tmp_path: Path) -> None:
    with pytest.raises(AdxError, match="cannot be read") as caught:
        list(land_avro_file(make_context("exchange.bids"), tmp_path / "gone", "gone.avro"))
    assert caught.value.exit_code == ExitCode.UNAVAILABLE


# ---------------------------------------------------------------- changed schemas


def dropped(path: str) -> Callable[[Any], None]:
    def change(schema: Any) -> None:
        parent, _, name = path.rpartition(".")
        record = field_of(schema, parent)["type"] if parent else schema
        record = record.get("items", record)
        record["fields"] = [field for field in record["fields"] if field["name"] != name]

    return change


def retyped(path: str, kind: Any) -> Callable[[Any], None]:
    return lambda schema: field_of(schema, path).update(type=kind)


MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
OTHER_SCHEMAS: dict[str, tuple[Callable[[Any], None], str]] = {
    "a number as text": (retyped("at", "string"), "has at as string; the contract says long"),
    "a text as bytes": (retyped("id", "bytes"), "has id as bytes"),
    "a price as double": (retyped("imp.bidfloor", "double"), "has imp.bidfloor as double"),
    "a time in milliseconds": (
        retyped("received_ts", MILLIS),
        r"as long \(timestamp-millis\); the contract says long \(timestamp-micros\)",
    ),
    "a time as a plain number": (retyped("received_ts", "long"), "has received_ts as long;"),
    "a flag as a number": (retyped("regs.coppa", "int"), "has regs.coppa as int"),
    "a text or a number": (retyped("device.os", ["null", "string", "long"]), "device.os as union"),
    "an array as a text": (retyped("cur", "string"), "has cur as string; the contract says array"),
    "other elements": (retyped("cur", {"type": "array", "items": "long"}), "has cur as long"),
    "an object as a text": (retyped("device", "string"), "the contract says record"),
    "no identifier": (dropped("id"), "lacks id, which the contract requires"),
    "no member": (dropped("device.ip"), "lacks device.ip"),
    "no member of an element": (dropped("imp.deals.bidfloor"), "lacks imp.deals.bidfloor"),
}


@pytest.mark.parametrize("name", OTHER_SCHEMAS)
def test_another_writer_schema_is_refused_with_the_field(name: str, land: Callable) -> None:
    change, message = OTHER_SCHEMAS[name]
    schema = schema_of(REQUESTS)
    change(schema)
    with pytest.raises(AdxError, match=message) as caught:
        land("exchange.bid_requests", avro(schema, []))
    assert caught.value.exit_code == ExitCode.DATA
    assert "exchange.bid_requests version 1" in caught.value.message


def test_a_file_that_is_no_record_is_refused(land: Callable) -> None:
    with pytest.raises(AdxError, match="is string; the contract declares a record"):
        land("exchange.bids", avro({"type": "string"}, []))
