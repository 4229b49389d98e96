"""Measures of each batch, on their way into `ops.run_ledger`.

A commit to the ledger after every batch would cost a lake commit every few seconds, so rows are
collected and appended together. Until then each stands in a file, written after its batch; what a
killed run left there the next run appends. A row that was appended before the kill adds nothing,
because the ledger knows its key.
"""

import json
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ingestion.lake import Lake

_APPEND_SECONDS = 60.0
_TIMES = ("started_at", "finished_at")


class BatchLedger:
    """The pending rows of one topic. One process at a time, under the stream's lock."""

    def __init__(self, lake: Lake, path: Path) -> None:
        self._lake = lake
        self._path = path
        self._last_append = time.monotonic()
        self._path.parent.mkdir(parents=True, exist_ok=True)

    def add(self, row: Mapping[str, Any]) -> None:
        """Note a batch; appends what is pending if the last append is a minute ago."""
        text = json.dumps({**row, **{name: row[name].isoformat() for name in _TIMES}})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
        if time.monotonic() - self._last_append > _APPEND_SECONDS:
            self.append()

    def append(self) -> None:
        """Append everything that is pending to the lake."""
        self._last_append = time.monotonic()
        if not self._path.exists():
            return
        lines = self._path.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.endswith("}")]
        for row in rows:
            row.update({name: datetime.fromisoformat(row[name]) for name in _TIMES})
        self._lake.append_ops("run_ledger", rows)
        self._path.unlink(missing_ok=True)
