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

    The first line must name the contract's fields in their order, or those of an earlier version:
    producers do not all move on one day. An empty field is null. A line with another number of
    fields, broken quotes, NUL or invalid UTF-8 is a failed row, and the rest of the file still
    loads. `_source_line` is the first line of the record, the header being line 1. The caller
    commits nothing before the iterator has ended: a broken file shows only when it is read to the
    end.

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
    names, records = _read_header(contract, content, source_file)
    blocks = csv_blocks(records, len(names), contract.max_record_bytes, line=2)
    is_empty = True
    for block in blocks:
        is_empty = False
        yield _land(context, block, names, source_file)
    if is_empty:
        yield raw_schema(contract).empty_table()


def _read_header(
    contract: Contract, content: Iterator[bytes], source_file: str
) -> tuple[tuple[str, ...], Iterator[bytes]]:
    """The fields of the file in their order, and what follows the header."""
    known = {}
    for version in contract.versions():
        names = tuple(field.name for field in version.fields)
        known[",".join(names).encode()] = names
    longest = max(len(header) for header in known)
    begin = b""
    for piece in content:
        begin += piece
        if b"\n" in begin or len(begin) > longest + 2:
            break
    header, _, rest = begin.partition(b"\n")
    found = known.get(header.removesuffix(b"\r"))
    if found is None:
        headers = [header.decode() for header in reversed(known)]
        raise AdxError(
            f"The header of {source_file} is not that of contract {contract.name} "
            f"version {contract.version}.",
            remedy=f"Its first line must be: {' or, as before: '.join(headers)}",
            exit_code=ExitCode.DATA,
        )
    return found, chain([rest], content)


def _land(
    context: LandingContext, block: CsvBlock, names: tuple[str, ...], source_file: str
) -> pa.Table:
    lineage = pa.table(
        {
            "_source_file": pa.repeat(source_file, len(block)),
            "_source_line": pa.array(block.lines),
        }
    )
    clean = np.ones(len(block), np.bool_)
    clean[list(block.faults)] = False
    texts = _in_contract_order(context.contract, names, block)
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


def _in_contract_order(
    contract: Contract, names: tuple[str, ...], block: CsvBlock
) -> list[pa.Array]:
    """The texts of each field of the contract; nulls for one that the file does not have."""
    found = dict(zip(names, (decode(column) for column in block.columns), strict=False))
    rows = len(block) - len(block.faults)
    return [found.get(field.name, pa.nulls(rows, pa.string())) for field in contract.fields]
