"""Measures of each batch, on their way into `ops.run_ledger`.

A commit to the ledger after every batch would cost a lake commit every few seconds, so rows are
collected in a file and appended together. A batch notes its row before it commits (`intend`) and
again, with all measures, when it is in (`add`). What a killed run left is appended by the next one:
the rows in the file, and the intended one if the lake holds its offsets. A row that was appended
before the kill adds nothing, because the ledger knows its key.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from ingestion.contracts import Contract
from ingestion.failpoints import failpoint
from ingestion.lake import Lake, StreamClaim
from ingestion.lake.problems import storage_errors

_APPEND_SECONDS = 60.0
_TIMES = ("started_at", "finished_at")


class BatchLedger:
    """The pending rows of one topic. One process at a time, under the lock of the table's writer.

    Args:
        lake: The lake.
        contract: Contract of the topic's table.
        folder: Folder for the pending rows.
    """

    def __init__(self, lake: Lake, contract: Contract, folder: Path) -> None:
        self._lake = lake
        self._contract = contract
        self._pending = folder / f"stream-{contract.name}.jsonl"
        self._intent = folder / f"stream-{contract.name}.intent"
        self._last_append = time.monotonic()

    def recover(self) -> None:
        """Append what a killed run left."""
        with storage_errors(self._intent.parent):
            self._settle()
        self.append()

    def intend(self, row: Mapping[str, Any], claim: StreamClaim) -> None:
        """Note a batch before it is committed."""
        intent = {"topic_id": claim.topic_id, "end": claim.end, "row": _as_json(row)}
        with storage_errors(self._intent.parent):
            self._settle()  # one whose commit is in, and after which something failed
            self._intent.parent.mkdir(parents=True, exist_ok=True)
            scratch = self._intent.with_suffix(".tmp")
            scratch.write_text(json.dumps(intent), encoding="utf-8")
            failpoint("stream.in_intent")
            scratch.replace(self._intent)
            failpoint("stream.after_intent")

    def withdraw(self) -> None:
        """Forget the intended batch: another stream has landed its offsets, and notes them."""
        with storage_errors(self._intent.parent):
            self._intent.unlink(missing_ok=True)

    def add(self, row: Mapping[str, Any]) -> None:
        """Note a batch that is in; appends what is pending if the last append is a minute ago."""
        with storage_errors(self._intent.parent):
            self._note(_as_json(row))
            failpoint("stream.after_note")
            self._intent.unlink(missing_ok=True)
        if time.monotonic() - self._last_append > _APPEND_SECONDS:
            self.append()

    def append(self) -> None:
        """Append everything that is pending to the lake."""
        self._last_append = time.monotonic()
        with storage_errors(self._pending.parent):
            if not self._pending.exists():
                return
            lines = self._pending.read_text(encoding="utf-8").splitlines()
        self._lake.append_ops("run_ledger", list(_whole_rows(lines)))
        failpoint("stream.after_ledger")
        self._pending.unlink(missing_ok=True)

    def _settle(self) -> None:
        """Note the intended batch if the lake holds its offsets, and forget the intent.

        A power cut may leave an intent without its content: then nothing is noted of that batch.
        """
        if self._intent.exists():
            with suppress(ValueError):
                intent = json.loads(self._intent.read_text(encoding="utf-8"))
                if self._is_in(intent["topic_id"], intent["end"]):
                    self._note(intent["row"])
            self._intent.unlink()

    def _note(self, row: Mapping[str, Any]) -> None:
        self._pending.parent.mkdir(parents=True, exist_ok=True)
        with self._pending.open("a", encoding="utf-8") as file:
            # The first one ends a line that a full disk or a power cut has left half-written.
            file.write(f"\n{json.dumps(row)}\n")

    def _is_in(self, topic_id: str, end: Mapping[str, int]) -> bool:
        committed = self._lake.stream_position(self._contract).get(topic_id, {})
        return all(committed.get(int(partition), -1) >= stop for partition, stop in end.items())


def _whole_rows(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The rows of the lines that were written to their end; the intent makes up for the last."""
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        yield {**row, **{name: datetime.fromisoformat(row[name]) for name in _TIMES}}


def _as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, **{name: row[name].isoformat() for name in _TIMES}}
