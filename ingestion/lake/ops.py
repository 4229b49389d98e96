"""The `ops` tables: what must be remembered, append-only, in the lake itself.

Each row has a `row_key`. Appending a row whose key is there adds nothing, so that an append that
was retried, or replayed after a crash, leaves one row.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Final

import pyarrow as pa
from pyiceberg.expressions import In
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from ingestion.contracts.schema import TIMESTAMP
from ingestion.lake.columns import with_field_ids
from ingestion.lake.schema import TABLE_PROPERTIES, iceberg_schema

NAMESPACE: Final = "ops"
_KEYS: Final = "adx.keys"
_KEYS_FLOOR: Final = "adx.keys-floor"
_KEPT_KEYS: Final = 200


@dataclass(frozen=True)
class OpsTable:
    """An `ops` table.

    Attributes:
        name: Its name in the namespace `ops`.
        columns: Its columns after `row_key`.
        key: The columns that make `row_key`.
    """

    name: str
    columns: tuple[pa.Field, ...]
    key: tuple[str, ...]

    @property
    def identifier(self) -> tuple[str, str]:
        """Iceberg identifier."""
        return (NAMESPACE, self.name)

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema, `row_key` first."""
        return pa.schema([pa.field("row_key", pa.string()), *self.columns])

    @property
    def iceberg_schema(self) -> Schema:
        """Iceberg schema."""
        return iceberg_schema(self.schema)

    @property
    def file_schema(self) -> pa.Schema:
        """Arrow schema with field ids, as data files carry it."""
        return with_field_ids(self.schema)

    @property
    def properties(self) -> dict[str, str]:
        """Properties the table is created with; whole bounds of the key, to find one quickly."""
        return {**TABLE_PROPERTIES, "write.metadata.metrics.column.row_key": "full"}

    def row_key(self, row: Mapping[str, Any]) -> str:
        """The key of a row.

        Raises:
            ValueError: The row has a column that the table has not, or lacks a part of its key.
        """
        unknown = set(row) - {column.name for column in self.columns}
        missing = [name for name in self.key if row.get(name) is None]
        if unknown or missing:
            raise ValueError(f"ops.{self.name}: unknown {sorted(unknown)}, missing {missing}")
        return "|".join(str(row[name]) for name in self.key)


def _texts(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.string()) for name in names]


def _amounts(*names: str) -> list[pa.Field]:
    """Money as the marts have it."""
    return [pa.field(name, pa.decimal128(38, 9)) for name in names]


def _numbers(*names: str) -> list[pa.Field]:
    return [pa.field(name, pa.int64()) for name in names]


PINS: Final = OpsTable(
    name="pins",
    columns=(
        *_numbers("pin"),
        pa.field("pinned_at", TIMESTAMP),
        *_texts("source", "table_name", "metadata_location"),
        *_numbers("snapshot_id", "from_seq", "to_seq"),
    ),
    key=("pin", "source", "table_name"),
)
"""One row a pin and raw table; rows with from_seq < _ingest_seq <= to_seq belong to the pin."""

RUN_LEDGER: Final = OpsTable(
    name="run_ledger",
    columns=(
        *_texts("run_id", "kind", "subject"),
        pa.field("started_at", TIMESTAMP),
        pa.field("finished_at", TIMESTAMP),
        *_numbers("read", "loaded", "failed", "bytes", "ingest_seq"),
        *_texts("details"),
    ),
    key=("run_id", "kind", "subject"),
)
"""One row a run and subject; kind is land_stream, land_batch, pin, build, publish, rollback,
verify, close, replay, discard or alert; details is JSON text."""

FILE_REGISTRY: Final = OpsTable(
    name="file_registry",
    columns=(
        *_texts("source", "table_name", "status", "sha256", "delivery"),
        *_texts("file_name", "supersedes", "reason", "load_id"),
        *_numbers("rows", "failed", "bytes", "ingest_seq"),
        pa.field("registered_at", TIMESTAMP),
    ),
    key=("source", "table_name", "status", "sha256", "delivery"),
)
"""One row a file that arrived. status is `loaded` (written by the commit that loaded it; delivery
is empty, because a content is loaded once), `repeated` (the same content again) or `failed` (whole
file in the error archive); for those two, delivery tells arrivals of one content apart."""

BILLING_PERIODS: Final = OpsTable(
    name="billing_periods",
    columns=(
        *_texts("period", "status", "close_id", "build_id"),
        *_numbers("pin"),
        pa.field("closed_at", TIMESTAMP),
        *_numbers("line_count", "adjustment_count"),
    ),
    key=("period", "status"),
)
"""One row a billing period (`2026-03`, month of the advertiser date) that was closed; status is
`closed`. A frozen line counts only if its close_id stands here: this row is what closes."""

FROZEN_LINES: Final = OpsTable(
    name="frozen_lines",
    columns=(
        *_texts("close_id"),
        *_numbers("line_number"),
        *_texts("period", "kind", "line_item_id", "campaign_id", "advertiser_id"),
        pa.field("advertiser_date", pa.date32()),
        *_texts("currency_code", "base_currency_code"),
        *_amounts("billed_amount", "billed_base_amount"),
        *_amounts("media_cost_amount", "media_cost_base_amount"),
    ),
    key=("close_id", "line_number"),
)
"""One row a line that a close froze; kind is `line` (billed in the period) or `adjustment` (of
earlier dates, booked in the period). Base amounts are null where no rate was known."""

FAILED_OUTCOMES: Final = OpsTable(
    name="failed_outcomes",
    columns=(
        *_texts("failed_id"),
        *_numbers("attempt"),
        *_texts("outcome", "source", "table_name"),
        *_numbers("failed_seq"),
        *_texts("position", "load_id"),
        *_numbers("ingest_seq", "contract_version"),
        *_texts("rules_sha256", "reason", "field", "message"),
        pa.field("decided_at", TIMESTAMP),
    ),
    key=("failed_id", "attempt"),
)
"""One row a failed row and attempt at it. outcome is `replayed` (landed by the commit ingest_seq,
under its own position), `failed_again` (reason, field and message say why) or `discarded` (message
says why). A failed row is open until it is replayed or discarded. The rows are written after the
commit of the raw table that decided them (`ingestion.failed.decisions`)."""

GAPS: Final = OpsTable(
    name="gaps",
    columns=(
        *_texts("gap_id", "status", "kind", "source", "table_name", "topic", "topic_id"),
        *_numbers("kafka_partition"),
        *_texts("producer_id"),
        *_numbers("first_number", "next_number", "missing_count"),
        *_texts("message", "reason", "decided_by"),
        pa.field("noted_at", TIMESTAMP),
    ),
    key=("gap_id", "status"),
)
"""One row a gap and status: `open` (found), then `accepted` (by whom and why) or `closed` (what was
missing is there after all). kind is `expired`, `recreated`, `truncated` or `sequence`; numbers are
offsets of a partition, or numbers of a producer, from first_number to before next_number; the
count is null where nobody can know it (`ingestion.gaps`)."""

CATALOG_DRAFTS: Final = OpsTable(
    name="catalog_drafts",
    columns=(
        *_texts("source", "kind"),
        *_numbers("number"),
        *_texts("format", "names", "delimiter"),
        pa.field("has_header", pa.bool_()),
        *_texts("columns"),
        *_numbers("files", "rows", "unread", "unnamed"),
        pa.field("registered_at", TIMESTAMP),
    ),
    key=("source", "kind", "number"),
)
"""One row a kind of dropped files that no contract declares and form that they had; names (of
files) and columns are JSON text. It says what there is and holds none of it: the files lie
encrypted in the error archive (`ingestion.drafts`)."""

OPS_TABLES: Final = {
    table.name: table
    for table in (
        PINS,
        RUN_LEDGER,
        FILE_REGISTRY,
        BILLING_PERIODS,
        FROZEN_LINES,
        FAILED_OUTCOMES,
        GAPS,
        CATALOG_DRAFTS,
    )
}

PINNED_OPS: Final = {table.name: table for table in (BILLING_PERIODS, FROZEN_LINES)}
"""The `ops` tables that models read and people write: a pin says which of their rows a build has.

They are append-only, so the number of rows is their head. Periods come first: a close writes its
lines before its period, so whoever looks at the periods first sees the lines of all of them."""


def new_run_id(kind: str) -> str:
    """An id for a run that sorts by time, which makes its ledger rows quick to find again."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{kind}-{token_hex(4)}"


def arrow_rows(table: OpsTable, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows as the Arrow table to write, the first of each key; what a row leaves out is null."""
    by_key: dict[str, dict[str, Any]] = {}
    for row in rows:
        key = table.row_key(row)
        by_key.setdefault(key, {"row_key": key, **row})
    return pa.Table.from_pylist(list(by_key.values()), schema=table.schema)


def present_keys(table: Table, keys: Iterable[str]) -> set[str]:
    """Which of some keys the table holds.

    The table carries its greatest keys as a property together with the greatest key that is not
    among them: a key above that is known without reading any data, which is the normal case for
    keys that begin with a time.
    """
    recent = set(json.loads(table.properties.get(_KEYS, "[]")))
    floor = table.properties.get(_KEYS_FLOOR)
    wanted = set(keys)
    found = wanted & recent
    doubtful = {key for key in wanted - found if floor is not None and key <= floor}
    if doubtful:
        scan = table.scan(row_filter=In("row_key", doubtful), selected_fields=("row_key",))
        found |= set(scan.to_arrow().column("row_key").to_pylist())
    return found


def with_keys(table: Table, keys: Sequence[str]) -> dict[str, str]:
    """The properties after rows with these keys were added."""
    known = sorted({*json.loads(table.properties.get(_KEYS, "[]")), *keys})
    kept, dropped = known[-_KEPT_KEYS:], known[:-_KEPT_KEYS]
    properties = {_KEYS: json.dumps(kept)}
    if dropped:
        properties[_KEYS_FLOOR] = max(dropped[-1], table.properties.get(_KEYS_FLOOR, ""))
    return properties
