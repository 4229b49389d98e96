"""CSV files: the grammar of RFC 4180, exact lines, broken lines as failed rows."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.contracts import load_contract, raw_schema
from ingestion.errors import AdxError, ExitCode
from ingestion.landing import Tally, csv_scan, files, land_csv_file
from ingestion.landing.csv_scan import csv_blocks

CLICKS = load_contract("adserver", "clicks")
HEADER = ",".join(field.name for field in CLICKS.fields).encode()
LINE = b"c%d,2026-03-28T12:00:00Z,i1,,203.0.113.9,Mozilla,"


@pytest.fixture
def land(make_context: Callable, tmp_path: Path) -> Callable[..., pa.Table]:
    """`land(content)` lands a file of clicks with that content."""

    def run(content: bytes) -> pa.Table:
        path = tmp_path / "taken"
        path.write_bytes(content)
        return pa.concat_tables(land_csv_file(make_context("adserver.clicks"), path, "clicks.csv"))

    return run


def reasons(landed: pa.Table) -> list[str | None]:
    return [error and error["reason"] for error in landed["_error"].to_pylist()]


def test_fields_keep_what_quotes_protect(land: Callable) -> None:
    line = b'"c1",2026-03-28T12:00:00Z,i1,,203.0.113.9,"say ""hi"", and\r\nmore","https://a.b/?x"'
    landed = land(HEADER + b"\r\n" + line + b"\r\n")
    (row,) = landed.to_pylist()
    assert row["_error"] is None
    assert row["click_id"] == "c1"
    assert row["user_agent"] == 'say "hi", and\r\nmore'
    assert row["landing_url"] == "https://a.b/"
    assert row["user_id"] is None


def test_line_numbers_count_lines_and_not_records(land: Callable) -> None:
    two_lines = b'c2,2026-03-28T12:00:00Z,i1,,203.0.113.9,"two\nlines",'
    content = b"\n".join([HEADER, LINE % 1, two_lines, LINE % 3, b"", LINE % 4])
    landed = land(content)
    assert landed["_source_line"].to_pylist() == [2, 3, 5, 6, 7]
    assert reasons(landed) == [None, None, None, "parse", None]


def test_a_stray_quote_costs_its_line_only(land: Callable) -> None:
    stray = LINE.replace(b"Mozilla", b'"Mozilla')
    quoted = LINE.replace(b"Mozilla", b'"a, b"')
    content = b"\n".join([HEADER, LINE % 1, stray % 2, quoted % 3, LINE % 4, stray % 5, b""])
    landed = land(content)
    assert reasons(landed) == [None, "parse", None, None, "parse"]
    assert landed["_source_line"].to_pylist() == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "bad",
    [b'a"b', b'"a"b', b'"a" ', b' "a"', b'"a""', b'a""', b"a\rb", b"a\r"],
)
def test_broken_quoting_is_a_parse_failure(bad: bytes, land: Callable) -> None:
    content = b"\n".join([HEADER, LINE.replace(b"Mozilla", bad) % 1, LINE % 2, b""])
    landed = land(content)
    assert reasons(landed) == ["parse", None]


def test_numbers_of_fields_are_exact(land: Callable) -> None:
    landed = land(b"\n".join([HEADER, LINE % 1 + b",", (LINE % 2)[:-1], LINE % 3]))
    assert reasons(landed) == ["parse", "parse", None]
    messages = [error and error["message"] for error in landed["_error"].to_pylist()]
    assert messages[:2] == [
        "The line has 8 fields; the contract has 7.",
        "The line has 6 fields; the contract has 7.",
    ]


def test_an_empty_field_is_null_also_in_quotes(land: Callable) -> None:
    landed = land(b"\n".join([HEADER, b'"",2026-03-28T12:00:00Z,i1,"",203.0.113.9,Mozilla,""']))
    assert landed["_error"].to_pylist()[0]["field"] == "click_id"


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\xef\xbb\xbf" + HEADER,
        HEADER.upper(),
        HEADER + b",extra",
        HEADER.rpartition(b",")[0],
        b",".join(reversed(HEADER.split(b","))),
        HEADER.replace(b",", b";"),
        LINE % 1,
    ],
)
def test_another_header_is_an_error_of_the_file(header: bytes, land: Callable) -> None:
    with pytest.raises(AdxError, match=r"header of clicks\.csv") as caught:
        land(header + b"\n" + LINE % 1)
    assert caught.value.exit_code == ExitCode.DATA
    assert HEADER.decode() in caught.value.remedy


@pytest.mark.parametrize("content", [HEADER, HEADER + b"\n", HEADER + b"\r\n"])
def test_a_file_without_records_is_an_empty_table(content: bytes, land: Callable) -> None:
    landed = land(content)
    assert len(landed) == 0
    assert landed.schema == raw_schema(CLICKS)


def test_a_record_that_is_too_long_fails_alone(land: Callable) -> None:
    long = LINE.replace(b"Mozilla", b"x" * CLICKS.max_record_bytes)
    open_for_long = LINE.replace(b"Mozilla", b'"') % 3 + b"\n" + (LINE % 4 + b"\n") * 9000
    landed = land(b"\n".join([HEADER, LINE % 1, long % 2, open_for_long + LINE % 5]))
    assert Tally.of(landed).failed_by_reason == {"oversize": 1, "parse": 1}
    assert landed["_source_line"].to_pylist() == list(range(2, len(landed) + 2))


def test_failed_lines_keep_their_bytes(make_context: Callable, land: Callable) -> None:
    line = LINE.replace(b"Mozilla", b"a\xffb") % 1
    landed = land(HEADER + b"\r\n" + line + b"\r\n")
    payload = landed["_error"].to_pylist()[0]["payload"]
    assert make_context("adserver.clicks").keys.decrypt(payload) == line


def test_a_file_is_held_in_pieces(
    make_context: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIECE_BYTES", 10_000)
    path = tmp_path / "taken"
    path.write_bytes(HEADER + b"\n" + b"\n".join(LINE % number for number in range(3000)))
    tables = list(land_csv_file(make_context("adserver.clicks"), path, "clicks.csv"))
    assert sum(map(len, tables)) == 3000
    assert max(map(len, tables)) < 400


Record = tuple[int, bytes, list[bytes] | None]


def plain_records(data: bytes, max_bytes: int) -> Iterator[Record]:
    """RFC 4180 one byte after the other: line, bytes, and fields (None: broken) of each record."""
    at, line = 0, 1
    while at < len(data):
        found = _one_record(data, at, max_bytes)
        stop, fields = found or (_line_end(data, at), None)
        record = data[at:stop]
        if fields is None or data[stop : stop + 1] == b"\n":
            record = record.removesuffix(b"\r")
        yield line, record, fields
        line += data.count(b"\n", at, stop + 1)
        at = stop + 1


def _line_end(data: bytes, at: int) -> int:
    found = data.find(b"\n", at)
    return len(data) if found < 0 else found


def _one_record(data: bytes, at: int, max_bytes: int) -> tuple[int, list[bytes]] | None:
    fields: list[bytes] = []
    start = at
    while True:
        if data[at : at + 1] == b'"':
            content, at = b"", at + 1
            while True:
                close = data.find(b'"', at)
                if close < 0:
                    return None
                content += data[at:close]
                at = close + 1
                if data[at : at + 1] != b'"':
                    break
                content, at = content + b'"', at + 1
        else:
            stop = at
            while stop < len(data) and data[stop : stop + 1] not in b',\n"\r':
                stop += 1
            content, at = data[at:stop], stop
        fields.append(content)
        if data[at : at + 1] == b",":
            at += 1
            continue
        stop = at + 1 if data[at : at + 2] == b"\r\n" else at
        if data[stop : stop + 1] not in (b"", b"\n") or at - start > max_bytes:
            return None
        return stop, fields


@given(
    st.lists(
        st.sampled_from([b'"', b'""', b",", b"\n", b"\r\n", b"\r", b"a", b"bc", b'"x",', b"a,b\n"])
    ).map(b"".join),
    st.integers(1, 9),
    st.integers(1, 6),
    st.sampled_from([8, 1000]),
)
@settings(max_examples=1500, deadline=None, derandomize=True)
def test_the_scanner_reads_what_the_grammar_says(
    data: bytes, piece: int, window: int, max_bytes: int
) -> None:
    """Wherever pieces and windows end: the vectorised scanner against one byte after the other."""
    patch = pytest.MonkeyPatch()
    patch.setattr(csv_scan, "_FIRST_WINDOW", window)
    pieces = iter([data[at : at + piece] for at in range(0, len(data), piece)])
    found: list[Record] = []
    try:
        for block in csv_blocks(pieces, 2, max_bytes):
            rows = iter(zip(*[column.to_pylist() for column in block.columns], strict=True))
            for place in range(len(block)):
                fields = None if place in block.faults else list(next(rows))
                found.append((int(block.lines[place]), block.raw(place), fields))
    finally:
        patch.undo()
    expected = [
        (line, record, fields if fields is not None and len(fields) == 2 else None)
        for line, record, fields in plain_records(data, max_bytes)
    ]
    assert found == expected
