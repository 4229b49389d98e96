"""The ground truth of what was sent: which events, in which order, from which source.

One part a day and carrier (stream, files): the good rows that were delivered, every delivery of
them, as columns of numbers; and counts of what failed. The answer key is computed from these
parts and from nothing else that the platform could have touched.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from ingestion.adworld.config import WorldConfig
from ingestion.adworld.frames import Frame, Ints
from ingestion.adworld.program import Case, Hour

Carrier = Literal["stream", "files"]
Fate = Literal["loaded", "repeated", "failed"]


class DroppedRows(Protocol):
    """What a file holds: good rows, and hostile ones."""

    @property
    def frame(self) -> Frame:
        """The good rows."""

    @property
    def hostile(self) -> Sequence[tuple[Case, int]]:
        """The hostile ones, each with its number."""


COLUMNS: dict[str, tuple[str, ...]] = {
    "Impressions": (
        "number",
        "ts",
        "line_item",
        "creative",
        "placement",
        "country",
        "device",
        "exchange",
        "price",
        "currency",
        "drift",
        "person",
        "phone",
        "personal",
        "agent",
        "arm",
        "prefetch",
    ),
    "Clicks": ("number", "ts", "impression", "drift", "person", "phone", "personal", "agent"),
    "Views": (
        "number",
        "ts",
        "sequence",
        "start_ms",
        "end_ms",
        "percent",
        "measurable",
        "is_video",
        "playing",
        "position_ms",
    ),
    "Videos": ("number", "ts", "event"),
    "Actions": (
        "number",
        "ts",
        "person",
        "phone",
        "platform",
        "name",
        "product",
        "identified",
        "drift",
    ),
    "Conversions": ("number", "ts", "advertiser", "kind", "cents", "person", "phone"),
    "Requests": (
        "number",
        "ts",
        "person",
        "phone",
        "known",
        "device",
        "country",
        "age_band",
        "gender",
        "imps",
        "formats",
        "drift",
    ),
    "Bids": ("number", "ts", "line_item", "creative", "price", "currency", "drift"),
    "Wins": ("number", "ts", "price", "currency"),
    "Notices": ("number", "ts"),
}
"""What the key needs of every kind of event."""

_TYPES = {"number": np.int64, "ts": np.int64, "impression": np.int64, "price": np.int64} | {
    "cents": np.int64
}

Rows = dict[str, Ints]
"""Columns of one kind of event, one entry a delivery, in the order in which they load."""


def no_rows(kind: str) -> Rows:
    """Columns without any row."""
    return {column: np.zeros(0, np.int64) for column in COLUMNS[kind]}


@dataclass
class LedgerPart:
    """What one carrier delivered on one day.

    Attributes:
        rows: Good rows by kind of event.
        counts: Everything that is only counted, by `metric|table[|reason]`: failed records, files
            by fate, and the defects that were planted.
    """

    rows: dict[str, list[Rows]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, frame: Frame) -> None:
        """Note the delivery of a frame."""
        kind = type(frame).__name__
        columns = {
            column: getattr(frame, column).astype(_TYPES.get(column, np.int32))
            for column in COLUMNS[kind]
        }
        self.rows.setdefault(kind, []).append(columns)

    def add_hour(self, hour: Hour) -> None:
        """Note what the topics got in an hour."""
        for frame in hour.frames.values():
            self.add(frame)
        for case, _ in hour.hostile:
            self.counts[f"failed|{case.table}|{case.reason}"] += 1

    def add_file(self, table: str, fate: Fate, rows: DroppedRows, *, supersedes: bool) -> None:
        """Note a dropped file: its rows if it can be loaded, and its fate."""
        self.counts[f"files_{fate}|{table}"] += 1
        if fate == "loaded":
            self.counts[f"files_superseded|{table}"] += supersedes
            self.add(rows.frame)
            for case, _ in rows.hostile:
                self.counts[f"failed|{table}|{case.reason}"] += 1

    def kind(self, kind: str) -> Rows:
        """All rows of one kind."""
        parts = self.rows.get(kind, [])
        if not parts:
            return no_rows(kind)
        return {
            column: np.concatenate([part[column] for part in parts]) for column in COLUMNS[kind]
        }

    def save(self, folder: Path, day: int, carrier: Carrier) -> None:
        """Write the part, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        path = _path(folder, day, carrier)
        temporary = path.with_name(path.name + ".tmp")
        arrays = {
            f"{kind}.{column}": values
            for kind in self.rows
            for column, values in self.kind(kind).items()
        }
        counts = np.frombuffer(json.dumps(self.counts).encode(), np.uint8)
        with temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, counts=counts, **arrays)
        temporary.replace(path)


@dataclass(frozen=True)
class StoredPart:
    """A part on disk, read column by column."""

    path: Path

    def counts(self) -> Counter[str]:
        """What is only counted."""
        with np.load(self.path) as stored:
            return Counter(json.loads(stored["counts"].tobytes()))

    def kind(self, kind: str) -> Rows:
        """All rows of one kind."""
        with np.load(self.path) as stored:
            return {
                column: stored[f"{kind}.{column}"]
                if f"{kind}.{column}" in stored
                else np.zeros(0, np.int64)
                for column in COLUMNS[kind]
            }


@dataclass(frozen=True)
class Ledger:
    """What has been delivered up to now.

    Attributes:
        config: The world.
        day: The last day that was played.
        stream: Parts of the stream in the order in which they were sent; a day that was sent
            again is there again.
        files: Parts of the files, day by day.
    """

    config: WorldConfig
    day: int
    stream: list[StoredPart]
    files: list[StoredPart]

    def stream_rows(self, kind: str) -> Rows:
        """Rows of the stream in load order."""
        return _joined(kind, self.stream)

    def file_rows(self, kind: str) -> Rows:
        """Rows of the files in load order."""
        return _joined(kind, self.files)

    def counts(self) -> Counter[str]:
        """All counts together."""
        total: Counter[str] = Counter()
        for part in (*self.stream, *self.files):
            total.update(part.counts())
        return total


def _joined(kind: str, parts: list[StoredPart]) -> Rows:
    rows = [part.kind(kind) for part in parts]
    if not rows:
        return no_rows(kind)
    return {column: np.concatenate([part[column] for part in rows]) for column in COLUMNS[kind]}


def _path(folder: Path, day: int, carrier: Carrier) -> Path:
    return folder / f"day-{day}-{carrier}.npz"


def open_ledger(folder: Path, config: WorldConfig, day: int, sends: list[int]) -> Ledger:
    """The ledger of a world.

    Args:
        folder: Where the parts are.
        config: The world.
        day: The last day that was played.
        sends: Days whose messages were sent, in that order, with repetitions.
    """
    return Ledger(
        config=config,
        day=day,
        stream=[StoredPart(_path(folder, sent, "stream")) for sent in sends],
        files=[StoredPart(_path(folder, played, "files")) for played in range(1, day + 1)],
    )
