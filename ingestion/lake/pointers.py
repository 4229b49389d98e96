"""A durable note beside the lake of every commit, from which a lost catalog can be rebuilt."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pyiceberg.table import Table

from ingestion.lake.claims import SEQ
from ingestion.lake.durable import local_path, make_folder, write_file

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


def _folder(lake: Path, table: str) -> Path:
    return lake / "pointers" / table


def _file(lake: Path, table: str, sequence_number: int) -> Path:
    return _folder(lake, table) / f"{sequence_number:012d}.json"


def write_pointer(lake: Path, table: Table) -> None:
    """Note where a table stands; a note that is there already stays as it is."""
    name = ".".join(table.name())
    number = table.metadata.last_sequence_number
    path = _file(lake, name, number)
    if path.exists():
        return
    make_folder(path.parent)
    snapshot = table.current_snapshot()
    location = table.metadata_location
    pointer = Pointer(
        table=name,
        sequence_number=number,
        ingest_seq=int(table.properties.get(SEQ, "0")),
        snapshot_id=snapshot.snapshot_id if snapshot is not None else None,
        metadata_location=location,
        metadata_sha256=hashlib.sha256(local_path(location).read_bytes()).hexdigest(),
    )
    write_file(path, json.dumps(asdict(pointer), indent=1).encode())
    _file(lake, name, number - KEPT).unlink(missing_ok=True)


def is_behind(lake: Path, table: Table) -> bool:
    """Whether a table has a later commit than the catalog knows of."""
    number = table.metadata.last_sequence_number
    return _file(lake, ".".join(table.name()), number + 1).exists()


def is_known(lake: Path, identifier: tuple[str, str]) -> bool:
    """Whether a table has ever been there."""
    return _folder(lake, ".".join(identifier)).exists()


def newest_pointers(lake: Path) -> list[Pointer]:
    """The newest pointer of each table, for a catalog that was lost."""
    newest = []
    for folder in sorted((lake / "pointers").iterdir()):
        names = sorted(path for path in folder.iterdir() if path.suffix == ".json")
        if names:
            values: dict[str, Any] = json.loads(names[-1].read_bytes())
            newest.append(Pointer(**values))
    return newest
