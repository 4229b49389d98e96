"""Rows that a SQL driver or a REST client hands over as Arrow."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from ingestion.contracts import Field
from ingestion.contracts.model import FieldType
from ingestion.landing.context import LandingContext
from ingestion.landing.rows import Mask, merge, strict_rows, with_lineage
from ingestion.landing.strict import judge_record, read_json
from ingestion.landing.texts import accept_texts


def land_arrow(
    context: LandingContext,
    records: pa.Table,
    lineage: pa.Table,
) -> pa.Table:
    """Turn typed rows into rows of the raw table; one row a record, in the same order.

    A column must have the declared type: integers, booleans and text as such, timestamps as
    Arrow timestamps with a zone or as RFC 3339 text, dates and decimals as such or as text. A
    carrier whose columns hold several types (SQLite) hands over one table for each mix of types.
    An empty text is a text, not null.

    Args:
        context: The landing.
        records: The rows by wire name; a column that the contract does not declare is an extra.
        lineage: The position columns of the contract, one row a record.

    Returns:
        A table with exactly `raw_schema(context.contract)`.

    Raises:
        AdxError: The key folder cannot be used.
    """
    names = {field.name for field in context.contract.fields}
    parts: list[tuple[pa.Table, Mask]] = []
    judged = np.ones(len(records), np.bool_)
    if names.issuperset(records.column_names) and len(records):
        texts, odd = _texts(context, records)
        accepted, doubtful = accept_texts(context, texts)
        parts.append((accepted, np.ones(len(records), np.bool_)))
        judged = doubtful | odd
    rows = records.filter(pa.array(judged)).to_pylist()
    payloads = [_payload(row) for row in rows]
    verdicts = [
        judge_record(context.contract, row, _read_native, len(payload))
        for row, payload in zip(rows, payloads, strict=True)
    ]
    body = merge([*parts, (strict_rows(context, verdicts, payloads), judged)])
    return with_lineage(context, body, lineage)


def _texts(context: LandingContext, records: pa.Table) -> tuple[list[pa.Array], Mask]:
    """The text of every declared field, and the rows that only the strict parser can judge.

    These are rows in which a column has another type, which hold NUL, or which may be too long.
    """
    odd = np.zeros(len(records), np.bool_)
    longest = np.zeros(len(records), np.int64)
    texts = []
    for field in context.contract.fields:
        text = pa.nulls(len(records), pa.string())
        if field.name in records.column_names:
            column = records[field.name].combine_chunks()
            if _is_native(field, column.type):
                text = _as_text(column)
            else:
                odd |= column.is_valid().to_numpy(zero_copy_only=False)
        odd |= pc.fill_null(pc.match_substring(text, "\0"), False).to_numpy(zero_copy_only=False)
        # A character takes at most 6 bytes in the JSON text whose length counts.
        longest += 6 * pc.fill_null(pc.binary_length(text), 0).to_numpy() + 6 * len(field.name) + 6
        texts.append(text)
    return texts, odd | (longest > context.contract.max_record_bytes)


_NATIVE: dict[FieldType, Callable[[pa.DataType], bool]] = {
    "int": pt.is_integer,
    "bool": pt.is_boolean,
    "dec": pt.is_decimal,
    "date": pt.is_date32,
    "ts": lambda kind: pt.is_timestamp(kind) and kind.tz is not None and kind.unit != "ns",
}


def _is_native(field: Field, kind: pa.DataType) -> bool:
    is_text = pt.is_string(kind) or pt.is_large_string(kind)
    if is_text and field.type not in {"int", "bool"}:
        return True
    return field.type in _NATIVE and _NATIVE[field.type](kind)


def _as_text(column: pa.Array) -> pa.Array:
    if pt.is_timestamp(column.type):
        utc = column.cast(pa.timestamp("us", "UTC"))
        return pc.strftime(utc, format="%Y-%m-%dT%H:%M:%SZ")
    return column.cast(pa.string())


def _payload(row: dict[str, Any]) -> bytes:
    return json.dumps(row, default=str, ensure_ascii=False).encode(errors="surrogatepass")


def _read_native(field: Field, path: str, found: Any) -> Any:
    match found:
        case datetime() if field.type == "ts" and found.tzinfo is not None:
            return found.astimezone(UTC).isoformat()
        case date() if field.type == "date" and not isinstance(found, datetime):
            return found.isoformat()
        case Decimal() if field.type == "dec":
            return f"{found:f}"
        case _:
            return read_json(field, path, found)
