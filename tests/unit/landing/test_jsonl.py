"""JSONL files: exact lines, bounded memory, broken gzip as an error of the whole file."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from ingestion.adworld.hostile import file_impression
from ingestion.contracts import raw_schema
from ingestion.errors import AdxError, ExitCode
from ingestion.landing import Tally, files, land_jsonl_file


def line(number: int) -> bytes:
    return json.dumps(file_impression(number)).encode()


@pytest.fixture
def land(make_context: Callable, tmp_path: Path) -> Callable[..., pa.Table]:
    """`land(content, name="a.jsonl")` lands a file of that content."""

    def run(content: bytes, name: str = "a.jsonl") -> pa.Table:
        path = tmp_path / "taken"
        path.write_bytes(content)
        return pa.concat_tables(land_jsonl_file(make_context("adserver.impressions"), path, name))

    return run


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
def test_lines_keep_their_numbers_wherever_pieces_end(
    size: int, land: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIECE_BYTES", size)
    content = b"\n".join([line(1), b"", line(3), b"broken", b"  ", line(6)]) + b"\n"
    landed = land(content)
    assert landed["_source_line"].to_pylist() == [1, 2, 3, 4, 5, 6]
    reasons = [error and error["reason"] for error in landed["_error"].to_pylist()]
    assert reasons == [None, "parse", None, "parse", "parse", None]
    assert set(landed["_source_file"].to_pylist()) == {"a.jsonl"}


def test_the_last_line_needs_no_line_end(land: Callable) -> None:
    assert land(line(1) + b"\n" + line(2)).equals(land(line(1) + b"\n" + line(2) + b"\n"))


def test_a_blank_last_line_is_a_record(land: Callable) -> None:
    assert Tally.of(land(line(1) + b"\n\n")).failed_by_reason == {"parse": 1}


def test_windows_line_ends_are_white_space(land: Callable) -> None:
    assert Tally.of(land(line(1) + b"\r\n" + line(2) + b"\r\n")).loaded == 2


def test_gzip_is_unpacked_by_name(land: Callable) -> None:
    packed = gzip.compress(line(1) + b"\n") + gzip.compress(line(2) + b"\n")
    landed = land(packed, "impressions-2026-03-28T05.jsonl.gz")
    assert landed["_source_line"].to_pylist() == [1, 2]
    assert Tally.of(landed).loaded == 2


def test_an_empty_file_is_an_empty_table(land: Callable, make_context: Callable) -> None:
    landed = land(b"")
    assert landed.schema == raw_schema(make_context("adserver.impressions").contract)
    assert len(landed) == 0


def flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


PACKED = gzip.compress(b"\n".join(line(number) for number in range(200)), mtime=0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        PACKED[:5],
        PACKED[:-20],
        PACKED[:-1],
        flip(PACKED, len(PACKED) // 2),
        flip(PACKED, len(PACKED) - 6),
        PACKED + b"garbage",
        line(1) + b"\n",
    ],
    ids=["empty", "header", "truncated", "last byte", "corrupt", "checksum", "tail", "not gzip"],
)
def test_a_broken_gzip_file_is_an_error_that_names_it(content: bytes, land: Callable) -> None:
    with pytest.raises(AdxError, match=r"impressions\.jsonl\.gz") as caught:
        land(content, "impressions.jsonl.gz")
    assert caught.value.exit_code == ExitCode.DATA


def test_a_missing_file_is_an_error_that_names_it(make_context: Callable, tmp_path: Path) -> None:
    rows = land_jsonl_file(make_context("adserver.impressions"), tmp_path / "none", "a.jsonl")
    with pytest.raises(AdxError, match=r"a\.jsonl cannot be read"):
        list(rows)


def test_a_file_is_held_in_pieces(
    make_context: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIECE_BYTES", 50_000)
    path = tmp_path / "taken"
    path.write_bytes(b"\n".join(line(number) for number in range(500)))
    tables = list(land_jsonl_file(make_context("adserver.impressions"), path, "a.jsonl"))
    assert sum(map(len, tables)) == 500
    assert max(map(len, tables)) < 100
