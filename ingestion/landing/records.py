"""JSON records that a carrier hands over with their positions."""

import pyarrow as pa

from ingestion.contracts import raw_schema
from ingestion.landing.context import LandingContext
from ingestion.landing.rows import strict_rows, with_lineage
from ingestion.landing.strict import judge_json

SLICE_RECORDS = 65_536
"""Most records that are parsed at once; bounds memory."""


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
        header_event_ids: `event_id` of the record headers, null where there is none.

    Returns:
        A table with exactly `raw_schema(context.contract)`. Records that break the contract are
        failed rows; nothing that a record holds makes this raise.

    Raises:
        AdxError: The key folder cannot be used.
    """
    parts = []
    for start in range(0, len(values), SLICE_RECORDS):
        part = values.slice(start, SLICE_RECORDS)
        ids = None if header_event_ids is None else header_event_ids.slice(start, SLICE_RECORDS)
        body = _land(context, part, ids)
        parts.append(with_lineage(context, body, lineage.slice(start, SLICE_RECORDS)))
    return pa.concat_tables(parts) if parts else raw_schema(context.contract).empty_table()


def _land(context: LandingContext, values: pa.Array, event_ids: pa.Array | None) -> pa.Table:
    payloads: list[bytes | None] = values.to_pylist()
    headers = event_ids.to_pylist() if event_ids is not None else [None] * len(payloads)
    verdicts = [
        judge_json(context.contract, payload, header)
        for payload, header in zip(payloads, headers, strict=True)
    ]
    return strict_rows(context, verdicts, payloads)
