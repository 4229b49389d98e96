"""Rows that a SQL driver or a REST client hands over as Arrow."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ingestion.contracts import Field
from ingestion.landing.context import LandingContext
from ingestion.landing.rows import strict_rows, with_lineage
from ingestion.landing.strict import judge_row, read_json
from ingestion.landing.values import read_text, wrong_type


def land_arrow(
    context: LandingContext,
    records: pa.Table,
    lineage: pa.Table,
    deleted: pa.Array | pa.ChunkedArray | None = None,
) -> pa.Table:
    """Turn typed rows into rows of the raw table; one row a record, in the same order.

    A column must have the declared type: integers, booleans and text as such, timestamps as
    Arrow timestamps with a zone or as RFC 3339 text, dates and decimals as such or as text. Since
    a column that holds several types (SQLite) can only be handed over as text, text is also read
    as a number or boolean, if it is written exactly as JSON would write it.

    Args:
        context: The landing.
        records: The rows by wire name; a column that the contract does not declare is an extra.
        lineage: The position columns of the contract, one row a record.
        deleted: True for the row that says that its key has gone from the source; such a row
            needs its key only.

    Returns:
        A table with exactly `raw_schema(context.contract)`.
    """
    gone = [False] * len(records) if deleted is None else deleted.to_pylist()
    rows = records.to_pylist()
    verdicts = [
        judge_row(context.contract, row, _read_native, deleted=bool(is_gone))
        for row, is_gone in zip(rows, gone, strict=True)
    ]
    body = strict_rows(context, verdicts, [_payload(row) for row in rows])
    return with_lineage(context, body, lineage, pa.array(map(bool, gone), pa.bool_()))


def _payload(row: dict[str, Any]) -> bytes:
    return json.dumps(row, default=str, ensure_ascii=False).encode()


def _read_native(field: Field, path: str, found: Any) -> Any:
    match found:
        case str():
            return read_text(field, path, found)
        case datetime() if field.type == "ts" and found.tzinfo is not None:
            return found.astimezone(UTC).isoformat()
        case date() if field.type == "date" and not isinstance(found, datetime):
            return found.isoformat()
        case Decimal() if field.type == "dec":
            return f"{found:f}"
        case int():
            return read_json(field, path, found)
        case _:
            raise wrong_type(field, path, found)
