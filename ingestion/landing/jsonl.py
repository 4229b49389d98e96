"""JSONL files: one record a line, exact line numbers, bounded memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
        numbers = pa.array(np.arange(line, line + len(lines)))
        lineage = pa.table(
            {"_source_file": pa.repeat(source_file, len(lines)), "_source_line": numbers}
        )
        yield land_json(context, lines, lineage)
        line += len(lines)
    if line == 1:
        yield raw_schema(context.contract).empty_table()


def _lines(path: Path, source_file: str) -> Iterator[pa.Array]:
    rest: list[bytes] = []
    for piece in pieces(path, source_file):
        end = piece.rfind(b"\n")
        if end < 0:
            rest.append(piece)
            continue
        yield _split(b"".join([*rest, piece[:end]]))
        rest = [piece[end + 1 :]]
    last = b"".join(rest)
    if last:
        yield _split(last)


def _split(lines: bytes) -> pa.Array:
    return pc.split_pattern(pa.array([lines], pa.large_binary()), "\n").flatten()
