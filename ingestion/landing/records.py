"""JSON records that a carrier hands over with their positions."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contracts import raw_schema
from ingestion.landing import engine
from ingestion.landing.context import LandingContext
from ingestion.landing.fast import Look, json_query
from ingestion.landing.rows import (
    Mask,
    accepted_rows,
    merge,
    strict_rows,
    with_extras,
    with_lineage,
)
from ingestion.landing.strict import drift, judge_json
from ingestion.landing.utf8 import decode

SLICE_RECORDS = 65_536
SLICE_BYTES = 64 * 1024 * 1024
SECOND_LOOK_FROM = 256
"""Doubtful records from which a second query is cheaper than the strict parser."""


def land_json(
    context: LandingContext,
    values: pa.Array | pa.ChunkedArray,
    lineage: pa.Table,
    header_event_ids: pa.Array | pa.ChunkedArray | None = None,
) -> pa.Table:
    """Turn records into rows of the raw table; one row a record, in the same order.

    Args:
        context: The landing.
        values: The records as bytes; null for a tombstone.
        lineage: The position columns of the contract, one row a record.
        header_event_ids: `event_id` of the record headers as bytes or text, null where there is
            none.

    Returns:
        A table with exactly `raw_schema(context.contract)`. Records that break the contract are
        failed rows; nothing that a record holds makes this raise.

    Raises:
        AdxError: The key folder cannot be used.
    """
    ids = pa.nulls(len(values), pa.binary()) if header_event_ids is None else header_event_ids
    parts = []
    for start, count in _slices(values):
        body = _land(context, _binary(values.slice(start, count)), _binary(ids.slice(start, count)))
        parts.append(with_lineage(context, body, lineage.slice(start, count)))
    return pa.concat_tables(parts) if parts else raw_schema(context.contract).empty_table()


def _binary(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return array.cast(pa.binary())


def _slices(values: pa.Array | pa.ChunkedArray) -> Iterator[tuple[int, int]]:
    """Ranges of records that are bounded in number and, but for one record, in bytes."""
    sizes = pc.fill_null(pc.binary_length(values), 0).to_numpy()
    ends = np.cumsum(sizes, dtype=np.int64)
    start = 0
    while start < len(values):
        before = ends[start - 1] if start else 0
        stop = int(np.searchsorted(ends, before + SLICE_BYTES, side="right"))
        stop = min(max(stop, start + 1), start + SLICE_RECORDS)
        yield start, stop - start
        start = stop


def _land(context: LandingContext, values: pa.Array, event_ids: pa.Array) -> pa.Table:
    """The rows of one slice, without lineage."""
    texts, ids = decode(values, context.contract.max_record_bytes), decode(event_ids)
    # A header that is no text would be lost as null; the strict parser refuses or ignores it.
    is_broken = pc.and_(pc.greater(pc.binary_length(event_ids), 0), pc.is_null(ids))
    texts = pc.if_else(pc.fill_null(is_broken, False), pa.scalar(None, pa.string()), texts)
    records = pa.table({"record": texts, "event_id": ids})
    rows, doubtful = _look(context, Look.PLAIN, records, values)
    parts = [(rows, np.ones(len(rows), np.bool_))]
    if np.count_nonzero(doubtful) >= SECOND_LOOK_FROM:
        mask = pa.array(doubtful)
        more, still = _look(context, Look.ESCAPED, records.filter(mask), values.filter(mask))
        parts.append((more, doubtful.copy()))
        doubtful[doubtful] = still
    return merge([*parts, (_judge(context, values, event_ids, doubtful), doubtful)])


def _look(
    context: LandingContext, look: Look, records: pa.Table, values: pa.Array
) -> tuple[pa.Table, Mask]:
    """The rows of a vectorised query, and which of them are in doubt and hold anything."""
    found = engine.run(
        json_query(context.contract, look),
        records,
        threads=context.threads,
    )
    rows, doubtful, drifting = accepted_rows(context, found)
    extras: dict[int, dict[str, Any]] = {}
    for place in np.flatnonzero(drifting).tolist():
        unknown = drift(context.contract, values[place].as_py())
        if unknown is not None:
            extras[place] = unknown
    doubtful[list(extras)] = False
    return with_extras(context, rows, extras) if extras else rows, doubtful


def _judge(
    context: LandingContext, values: pa.Array, event_ids: pa.Array, doubtful: Mask
) -> pa.Table:
    mask = pa.array(doubtful)
    payloads: list[bytes | None] = values.filter(mask).to_pylist()
    headers: list[bytes | None] = event_ids.filter(mask).to_pylist()
    verdicts = [
        judge_json(context.contract, payload, header)
        for payload, header in zip(payloads, headers, strict=True)
    ]
    return strict_rows(context, verdicts, payloads)
