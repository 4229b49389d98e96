"""JSONL files: one record a line, exact line numbers, bounded memory."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from ingestion.contracts import raw_schema
from ingestion.landing.context import LandingContext
from ingestion.landing.files import pieces
from ingestion.landing.records import land_json


def land_jsonl_file(context: LandingContext, path: Path, source_file: str) -> Iterator[pa.Table]:
    """Turn a JSONL file (gzip if its name says so) into rows of the raw table.

    Lines end with a line feed and are counted from 1. A blank line is a record, and fails; the
    end of the last line is no record. The caller commits nothing before the iterator has ended:
    a broken file shows only when it is read to the end.

    Args:
        context: The landing.
        path: Where the file is now.
        source_file: The name it was sent under, for lineage.

    Yields:
        Tables of `raw_schema(context.contract)`, in the order of the lines; at least one.

    Raises:
        AdxError: The file is unreadable, corrupt or truncated.
    """
    line = 1
    for lines in _lines(path, source_file):
        numbers = pa.array(range(line, line + len(lines)), pa.int64())
        lineage = pa.table(
            {"_source_file": pa.repeat(source_file, len(lines)), "_source_line": numbers}
        )
        yield land_json(context, pa.array(lines, pa.binary()), lineage)
        line += len(lines)
    if line == 1:
        yield raw_schema(context.contract).empty_table()


def _lines(path: Path, source_file: str) -> Iterator[list[bytes]]:
    rest: list[bytes] = []
    for piece in pieces(path, source_file):
        first, *more = piece.split(b"\n")
        rest.append(first)
        if more:
            lines = [b"".join(rest), *more]
            rest = [lines.pop()]
            yield lines
    last = b"".join(rest)
    if last:
        yield [last]
