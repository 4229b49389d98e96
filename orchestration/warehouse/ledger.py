"""Rows of `ops.run_ledger` for what the warehouse does."""

import json
from datetime import UTC, datetime
from typing import Any

from ingestion.lake import Lake
from ingestion.lake.ops import new_run_id


def record(
    lake: Lake,
    kind: str,
    subject: str,
    started_at: datetime,
    *,
    read: int | None = None,
    loaded: int | None = None,
    failed: int | None = None,
    **details: Any,
) -> None:
    """Write one row.

    Args:
        lake: Where the ledger is.
        kind: `pin`, `build`, `publish`, `verify` or `alert`.
        subject: What it was done to, such as `pin 3` or a build id.
        started_at: When it started, UTC.
        read: Rows of the window, or pairs compared.
        loaded: Rows of the build, or pairs that passed.
        failed: Tests or pairs that failed.
        details: Anything else, kept as JSON.
    """
    lake.append_ops(
        "run_ledger",
        [
            {
                "run_id": new_run_id(kind),
                "kind": kind,
                "subject": subject,
                "started_at": started_at,
                "finished_at": datetime.now(UTC),
                "read": read,
                "loaded": loaded,
                "failed": failed,
                "details": json.dumps(details, sort_keys=True, default=str),
            }
        ],
    )
