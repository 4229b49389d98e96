"""CSV files (RFC 4180): exact header, exact line numbers, broken lines as failed rows."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa

from ingestion.contracts import Contract, raw_schema
from ingestion.errors import AdxError, ExitCode
from ingestion.landing.context import LandingContext
from ingestion.landing.csv_scan import CsvBlock, csv_blocks
from ingestion.landing.files import pieces
from ingestion.landing.rows import body_schema, merge, strict_rows, with_lineage
from ingestion.landing.strict import judge_texts
from ingestion.landing.texts import accept_texts
from ingestion.landing.utf8 import decode
from ingestion.landing.verdict import Verdict


def land_csv_file(context: LandingContext, path: Path, source_file: str) -> Iterator[pa.Table]:
    """Turn a CSV file (gzip if its name says so) into rows of the raw table.

    The first line must name the contract's fields in their order. An empty field is null. A line
    with another number of fields, broken quotes, NUL or invalid UTF-8 is a failed row, and the
    rest of the file still loads. `_source_line` is the first line of the record, the header being
    line 1. The caller commits nothing before the iterator has ended: a broken file shows only
    when it is read to the end.

    Args:
        context: The landing.
        path: Where the file is now.
        source_file: The name it was sent under, for lineage.

    Yields:
        Tables of `raw_schema(context.contract)`, in the order of the lines; at least one.

    Raises:
        AdxError: The file is unreadable, corrupt, truncated, or has another header.
    """
    contract = context.contract
    content = pieces(path, source_file)
    first_record = _skip_header(contract, content, source_file)
    blocks = csv_blocks(first_record, len(contract.fields), contract.max_record_bytes, line=2)
    is_empty = True
    for block in blocks:
        is_empty = False
        yield _land(context, block, source_file)
    if is_empty:
        yield raw_schema(contract).empty_table()


def _skip_header(contract: Contract, content: Iterator[bytes], source_file: str) -> Iterator[bytes]:
    """Check the header and give back what follows it."""
    expected = ",".join(field.name for field in contract.fields).encode()
    begin = b""
    for piece in content:
        begin += piece
        if b"\n" in begin or len(begin) > len(expected) + 2:
            break
    header, _, rest = begin.partition(b"\n")
    if header.removesuffix(b"\r") != expected:
        raise AdxError(
            f"The header of {source_file} is not that of contract {contract.name} "
            f"version {contract.version}.",
            remedy=f"Its first line must be: {expected.decode()}",
            exit_code=ExitCode.DATA,
        )
    return chain([rest], content)


def _land(context: LandingContext, block: CsvBlock, source_file: str) -> pa.Table:
    lineage = pa.table(
        {
            "_source_file": pa.repeat(source_file, len(block)),
            "_source_line": pa.array(block.lines),
        }
    )
    clean = np.ones(len(block), np.bool_)
    clean[list(block.faults)] = False
    texts = [decode(column) for column in block.columns]
    parts = [(body_schema(context.contract).empty_table(), clean)]
    judged = ~clean
    if clean.any():
        rows, in_doubt = accept_texts(context, texts)
        parts.append((rows, clean))
        judged[clean] = in_doubt
    row_of = np.cumsum(clean) - 1
    verdicts, payloads = [], []
    for place in np.flatnonzero(judged).tolist():
        if (fault := block.faults.get(place)) is not None:
            verdicts.append(Verdict(failure=fault))
        else:
            row = int(row_of[place])
            fields = [text[row].as_py() or "" for text in texts]
            verdicts.append(judge_texts(context.contract, fields))
        payloads.append(block.raw(place))
    body = merge([*parts, (strict_rows(context, verdicts, payloads), judged)])
    return with_lineage(context, body, lineage)
