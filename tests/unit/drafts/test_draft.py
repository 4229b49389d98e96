"""What a crawl finds in files that nobody declared, without a lake."""

import gzip
import io
import json
from typing import Any

import fastavro
import pytest

from ingestion.drafts.content import connect_in_memory, content_of
from ingestion.drafts.draft import Sample, form_of, kind_of

ORDERS = b"""order_id,customer,amount,at,paid,ip,page,items
o-1,ann,1.50,2026-03-28T10:00:00Z,true,203.0.113.9,https://a.example/x?y,1
o-2,bob,2,2026-03-28T11:00:00+01:00,false,2001:db8::1,https://a.example/,2
o-3,,3.25,2026-03-28T12:00:00.5Z,true,203.0.113.8,https://b.example/,
"""


def sampled(*files: tuple[str, bytes], is_whole: bool = True, most: int = 1 << 20) -> Sample:
    contents = [content_of(name, raw, is_whole=is_whole, most=most) for name, raw in files]
    sample = Sample(contents[0].format)
    with connect_in_memory() as connection:
        for content in contents:
            sample.add(connection, content)
        left = connection.execute("select count(*) from duckdb_tables()").fetchone()
    assert left == (0,), "nothing stays in memory"
    return sample


def types(sample: Sample) -> dict[str, str]:
    return {column.name: column.type for column in sample.columns()}


def lines(*records: dict[str, Any]) -> bytes:
    return "".join(f"{json.dumps(record)}\n" for record in records).encode()


def test_a_csv_file_has_the_types_of_all_its_texts():
    sample = sampled(("orders-1.csv", ORDERS))
    assert types(sample) == {
        "order_id": "text",
        "customer": "text",
        "amount": "dec",
        "at": "ts",
        "paid": "bool",
        "ip": "ip",
        "page": "url",
        "items": "int",
    }
    assert (sample.rows, sample.unread, sample.delimiter, sample.has_header) == (3, 0, ",", True)
    assert {column.name: column.filled for column in sample.columns()}["customer"] == 2


def test_json_lines_have_the_types_that_they_were_sent_with():
    sample = sampled(
        (
            "orders-1.jsonl",
            lines(
                {"id": "7", "n": 1, "x": 1.5, "ok": True, "who": {"a": 1}, "tags": ["a"]},
                {"id": "8", "n": 2, "x": 2, "ok": False, "who": {}, "tags": [], "m": "a"},
                {"id": None, "n": 3, "ok": None, "m": 7, "price": "1.50"},
            ),
        )
    )
    assert types(sample) == {
        "id": "text",
        "n": "int",
        "x": "float",
        "ok": "bool",
        "who": "object",
        "tags": "array",
        "m": "mixed",
        "price": "dec",
    }
    filled = {column.name: column.filled for column in sample.columns()}
    assert (filled["id"], filled["ok"], filled["price"]) == (2, 2, 1)


def test_avro_records_are_read_as_what_they_mean():
    schema = {
        "type": "record",
        "name": "o",
        "fields": [
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "n", "type": "long"},
        ],
    }
    content = io.BytesIO()
    records = [{"at": 1_774_692_000_000_000 + number, "n": number} for number in range(5)]
    fastavro.writer(content, schema, records, sync_interval=1)
    whole = sampled(("orders-1.avro", content.getvalue()))
    assert types(whole) == {"at": "ts", "n": "int"}
    cut = sampled(("orders-1.avro", content.getvalue()[:-30]), is_whole=False)
    assert types(cut) == {"at": "ts", "n": "int"}
    assert 0 < cut.rows < whole.rows


def test_files_of_a_kind_are_looked_at_together():
    sample = sampled(
        ("a.jsonl", lines({"n": 1, "at": "2026-03-28T10:00:00Z"})),
        ("b.jsonl.gz", gzip.compress(lines({"n": 2.5, "at": "yesterday", "more": True}))),
    )
    assert types(sample) == {"n": "float", "at": "text", "more": "bool"}
    assert (sample.files, sample.rows) == (2, 2)


def test_names_that_sql_does_not_tell_apart_are_one():
    sample = sampled(
        ("a.jsonl", lines({"Id": 1, "id": "x"}, {"n": 1})), ("b.jsonl", lines({"ID": 2, "n": 2}))
    )
    assert types(sample) == {"Id": "int", "n": "int"}


def test_values_do_not_pass_for_names():
    headless = sampled(("orders-1.csv", b"u1;203.0.113.9;3\nu2;203.0.113.8;4\n"))
    assert (headless.has_header, headless.delimiter) == (False, ";")
    assert types(headless) == {"column_1": "text", "column_2": "ip", "column_3": "int"}
    texts = sampled(("orders-1.csv", b"u1,203.0.113.9\nu2,203.0.113.8\n"))
    assert types(texts) == {"column_1": "text", "column_2": "ip"}
    assert texts.rows == 2
    keyed = sampled(("a.jsonl", lines({"ann@a.example": 1, "n": 2})))
    assert types(keyed) == {"n": "int"}
    assert keyed.unnamed == 1


@pytest.mark.parametrize("name", ["orders-1.csv", "orders-1.csv.gz", "o.jsonl"])
def test_the_beginning_of_a_file_is_read_to_its_last_whole_record(name):
    raw = lines({"n": 1}, {"n": 2}, {"n": 3}) if name == "o.jsonl" else ORDERS
    if name.endswith(".gz"):
        raw = gzip.compress(raw)[:-14]
    sample = sampled((name, raw[:-6]), is_whole=False)
    assert sample.rows == 2
    assert sample.unread == 0


def test_of_a_packed_file_no_more_is_unpacked_than_is_asked_for():
    raw = gzip.compress(lines(*({"n": number} for number in range(1000))))
    assert sampled(("a.jsonl.gz", raw), most=25).rows == 2
    content = content_of("a.jsonl.gz", raw, is_whole=True, most=25)
    assert content.has_more
    assert len(content.data) <= 25


def test_records_that_cannot_be_read_are_counted():
    sample = sampled(("a.jsonl", b'{"n": 1}\n{broken\n7\n{"n": 2}\n'))
    assert (sample.rows, sample.unread) == (2, 2)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("surprise.xml", b"<x/>"),
        ("a.csv", b""),
        ("a.csv", b"\0\1\2\n"),
        ("a.csv.gz", b"\x1f\x8bno gzip"),
        ("a.json", b'{\n "n": 1\n}\n'),
        ("a.avro", b"Obj\x01no avro"),
    ],
)
def test_what_is_no_records_has_no_columns(name, raw):
    assert sampled((name, raw)).columns() == ()


@pytest.mark.parametrize(
    ("name", "kind", "form"),
    [
        ("orders-2026-03-28T05.csv", "orders", "orders*.csv"),
        ("Order-Lines_1.jsonl.gz", "order_lines", "Order-Lines*.jsonl.gz"),
        ("2026-orders.csv", "orders", "*orders*.csv"),
        ("2026", "file", "*"),
    ],
)
def test_a_name_says_the_kind_and_the_form_of_names_like_it(name, kind, form):
    assert (kind_of(name), form_of(name)) == (kind, form)
