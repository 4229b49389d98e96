"""Rows of the raw table: from verdicts to Arrow, lineage beside them, order kept."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from ingestion.contracts import Contract, raw_schema
from ingestion.contracts.schema import TIMESTAMP, lineage_schema, partition_column
from ingestion.landing.context import LandingContext
from ingestion.landing.privacy import to_columns
from ingestion.landing.pseudonyms import pseudonymised
from ingestion.landing.strict import dump_json
from ingestion.landing.tree import IS_FITTING, IS_WHOLE, assemble, tree
from ingestion.landing.verdict import Verdict

Mask = np.ndarray[Any, np.dtype[np.bool_]]


@cache
def body_schema(contract: Contract) -> pa.Schema:
    """The raw schema without lineage: what is made of the record itself."""
    lineage = {field.name for field in lineage_schema(contract)}
    return pa.schema([field for field in raw_schema(contract) if field.name not in lineage])


def strict_rows(
    context: LandingContext, verdicts: Sequence[Verdict], payloads: Sequence[bytes | None]
) -> pa.Table:
    """The rows of records that the strict parser judged, in `body_schema`.

    Args:
        context: The landing.
        verdicts: One verdict a record.
        payloads: The records as they came; None for a tombstone.
    """
    rows = [
        _row(context, verdict, payload) for verdict, payload in zip(verdicts, payloads, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=body_schema(context.contract))


def _row(context: LandingContext, verdict: Verdict, payload: bytes | None) -> dict[str, Any]:
    contract = context.contract
    row: dict[str, Any] = {}
    if verdict.failure is None:
        row = to_columns(contract.fields, verdict.values, context.keys.pseudonym_key())
        row["_extras"] = _extras_token(context, verdict.extras)
        if contract.event_time is not None:
            row["event_date"] = _event_date(contract, verdict.values)
    else:
        row["_error"] = {
            "reason": verdict.failure.reason,
            "field": verdict.failure.field,
            "message": verdict.failure.message,
            "contract_version": contract.version,
            "payload": (
                None if payload is None else context.keys.encrypt(context.load_date, payload)
            ),
        }
    if contract.event_time is None:
        row[partition_column(contract)] = context.load_date
    return row


def _event_date(contract: Contract, values: dict[str, Any]) -> date | None:
    for field in contract.fields:
        if contract.event_time in (field.name, field.column):
            moment: datetime | None = values[field.name]
            return None if moment is None else moment.astimezone(UTC).date()
    return None


def accepted_rows(context: LandingContext, found: pa.Table) -> tuple[pa.Table, Mask, Mask]:
    """The rows of a vectorised query, and which of them are accepted.

    Args:
        context: The landing.
        found: The columns `IS_WHOLE` and `IS_FITTING`, and what `tree.columns` selected.

    Returns:
        Rows in `body_schema`; which of them are in doubt, and hold anything; which of these have
        right values in all declared fields, if the record is a clean document.
    """
    schema = body_schema(context.contract)
    found = pseudonymised(tree(context.contract), found, context.keys.pseudonym_key())
    is_fitting = found[IS_FITTING].to_numpy()
    doubtful = ~(is_fitting & found[IS_WHOLE].to_numpy())
    made = assemble(context.contract, found)
    columns = []
    for field in schema:
        if field.name in made:
            columns.append(made[field.name].cast(field.type))
        elif field.name == "_load_date":
            columns.append(pa.repeat(pa.scalar(context.load_date), len(found)))
        else:
            columns.append(pa.nulls(len(found), field.type))
    return pa.Table.from_arrays(columns, schema=schema), doubtful, doubtful & is_fitting


def with_extras(
    context: LandingContext, rows: pa.Table, extras: Mapping[int, Mapping[str, Any]]
) -> pa.Table:
    """Rows with unknown fields, encrypted, in `_extras`.

    Args:
        context: The landing.
        rows: Rows in `body_schema`.
        extras: Unknown fields by the place of their row.
    """
    tokens: list[str | None] = [None] * len(rows)
    for place, found in extras.items():
        tokens[place] = _extras_token(context, found)
    place = rows.schema.get_field_index("_extras")
    return rows.set_column(place, rows.schema.field(place), pa.array(tokens, pa.string()))


def _extras_token(context: LandingContext, extras: Mapping[str, Any]) -> str | None:
    if not extras:
        return None
    return context.keys.encrypt(context.load_date, dump_json(extras).encode())


def merge(parts: Sequence[tuple[pa.Table, Mask]]) -> pa.Table:
    """Put rows back into the order of their records.

    Args:
        parts: Tables, each with the records that its rows belong to, in order. Where two have a
            row for the same record, the later one counts.
    """
    found = [(table, mask) for table, mask in parts if len(table)] or parts[:1]
    if len(found) == 1:
        return found[0][0]
    order = np.zeros(len(found[0][1]), np.int64)
    start = 0
    for table, mask in found:
        order[mask] = np.arange(start, start + len(table))
        start += len(table)
    return pa.concat_tables([table for table, _ in found]).take(pa.array(order)).combine_chunks()


def with_lineage(context: LandingContext, body: pa.Table, lineage: pa.Table) -> pa.Table:
    """The full raw rows: body, position, stamps, not deleted; exactly `raw_schema`."""
    schema = raw_schema(context.contract)
    count = len(body)
    stamps = {
        "_contract_version": pa.scalar(context.contract.version, pa.int32()),
        "_loaded_at": pa.scalar(context.loaded_at.astimezone(UTC), TIMESTAMP),
        "_ingest_seq": pa.scalar(context.ingest_seq, pa.int64()),
    }
    columns = []
    for field in schema:
        if field.name in stamps:
            column = pa.repeat(stamps[field.name], count)
        elif field.name == "_is_deleted":
            column = pa.repeat(False, count)
        elif field.name in body.column_names:
            column = body[field.name]
        else:
            column = lineage[field.name]
        columns.append(column.cast(field.type))
    return pa.Table.from_arrays(columns, schema=schema)
