"""Rows of `ops.run_ledger` for what the warehouse does."""

import json
from datetime import UTC, datetime
from typing import Any

from ingestion.lake import Lake
from ingestion.lake.ops import new_run_id

Row = dict[str, Any]


def row(
    kind: str,
    subject: str,
    started_at: datetime,
    *,
    read: int | None = None,
    loaded: int | None = None,
    failed: int | None = None,
    row_id: str | None = None,
    **details: Any,
) -> Row:
    """A row that says that something was done, just now.

    Args:
        kind: `pin`, `build`, `publish`, `rollback`, `verify` or `alert`.
        subject: What it was done to, such as `pin 3` or a build id.
        started_at: When it started, UTC.
        read: Rows of the window, or pairs compared.
        loaded: Rows of the build, or pairs that passed.
        failed: Tests or pairs that failed.
        row_id: Its id, where the same row may be written twice; by default a new one.
        details: Anything else, kept as JSON.
    """
    return {
        "run_id": row_id or new_run_id(kind),
        "kind": kind,
        "subject": subject,
        "started_at": started_at,
        "finished_at": datetime.now(UTC),
        "read": read,
        "loaded": loaded,
        "failed": failed,
        "details": json.dumps(details, sort_keys=True, default=str),
    }


def record(lake: Lake, kind: str, subject: str, started_at: datetime, **values: Any) -> None:
    """Write one row; the arguments are those of `row`."""
    write(lake, row(kind, subject, started_at, **values))


def write(lake: Lake, written: Row) -> None:
    """Write a row, unless it is there already."""
    lake.append_ops("run_ledger", [written])


def to_json(kept: Row) -> str:
    """A row as text, to write it again after a crash."""
    return json.dumps(kept, default=datetime.isoformat)


def from_json(text: str) -> Row:
    """The row that `to_json` gave as text."""
    kept: Row = json.loads(text)
    times = {name: datetime.fromisoformat(kept[name]) for name in ("started_at", "finished_at")}
    return kept | times
