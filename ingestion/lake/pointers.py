"""A durable note beside the lake of every commit, from which a lost catalog can be rebuilt."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pyiceberg.table import Table

from ingestion.lake.claims import SEQ
from ingestion.lake.storage import join, storage_of

KEPT: Final = 100
"""Pointers that a table keeps; the newest one is enough, older ones show the way back."""


@dataclass(frozen=True)
class Pointer:
    """Where a table stood after a commit.

    Attributes:
        table: `<namespace>.<table>`.
        sequence_number: Iceberg's number of the commit.
        ingest_seq: `_ingest_seq` of the newest rows.
        snapshot_id: The snapshot; None for a table without one.
        metadata_location: The exact metadata file.
        metadata_sha256: Hash of that file.
    """

    table: str
    sequence_number: int
    ingest_seq: int
    snapshot_id: int | None
    metadata_location: str
    metadata_sha256: str


def _folder(root: str, table: str) -> str:
    return join(root, "pointers", table)


def _file(root: str, table: str, sequence_number: int) -> str:
    return join(_folder(root, table), f"{sequence_number:012d}.json")


def pointer_of(table: Table) -> Pointer:
    """Where a table stands."""
    snapshot = table.current_snapshot()
    location = table.metadata_location
    metadata = storage_of(location).read(location)
    return Pointer(
        table=".".join(table.name()),
        sequence_number=table.metadata.last_sequence_number,
        ingest_seq=int(table.properties.get(SEQ, "0")),
        snapshot_id=snapshot.snapshot_id if snapshot is not None else None,
        metadata_location=location,
        metadata_sha256=hashlib.sha256(metadata).hexdigest(),
    )


def write_pointer(root: str, table: Table) -> None:
    """Note where a table stands; a note that is there already stays as it is.

    Args:
        root: Where the lake is.
        table: The table as it was loaded or committed.
    """
    name = ".".join(table.name())
    number = table.metadata.last_sequence_number
    file = _file(root, name, number)
    storage = storage_of(root)
    if storage.exists(file):
        return
    pointer = pointer_of(table)
    storage.write_if_absent(file, json.dumps(asdict(pointer), indent=1).encode())
    if number >= KEPT:
        storage.delete(_file(root, name, number - KEPT))


def is_behind(root: str, table: Table) -> bool:
    """Whether a table has a later commit than the catalog knows of, however much later."""
    names = _names(root, ".".join(table.name()))
    return bool(names) and int(Path(names[-1]).stem) > table.metadata.last_sequence_number


def is_known(root: str, identifier: tuple[str, str]) -> bool:
    """Whether a table has ever been there."""
    return bool(storage_of(root).names(_folder(root, ".".join(identifier))))


def has_pointers(root: str) -> bool:
    """Whether there has ever been a table."""
    return bool(storage_of(root).names(join(root, "pointers")))


def _names(root: str, table: str) -> list[str]:
    """Names of the pointers of a table, the newest last; others are unfinished ones."""
    return [name for name in storage_of(root).names(_folder(root, table)) if name[0].isdigit()]


def pointers(root: str, table: str) -> list[Pointer]:
    """All pointers of a table, the newest last.

    Args:
        root: Where the lake is.
        table: `<namespace>.<table>`.
    """
    return [_read(root, table, name) for name in _names(root, table)]


def forget_pointers(root: str, table: Table) -> int:
    """Remove the pointers of commits that the table has forgotten; the newest always stays.

    Returns:
        How many were removed.
    """
    name = ".".join(table.name())
    known = {snapshot.sequence_number for snapshot in table.snapshots()}
    old = [file for file in _names(root, name)[:-1] if int(Path(file).stem) not in known]
    for file in old:
        storage_of(root).delete(join(_folder(root, name), file))
    return len(old)


def newest_pointers(root: str) -> list[Pointer]:
    """The newest pointer of each table, for a catalog that was lost."""
    storage = storage_of(root)
    newest = []
    for table in storage.names(join(root, "pointers")):
        names = _names(root, table)
        if names:
            newest.append(_read(root, table, names[-1]))
    return newest


def _read(root: str, table: str, name: str) -> Pointer:
    values: dict[str, Any] = json.loads(storage_of(root).read(join(_folder(root, table), name)))
    return Pointer(**values)
