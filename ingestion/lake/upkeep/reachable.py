"""Which files of a table somebody may still read.

Four kinds of readers hold a table at a state, each by a file that names all others:

1. the catalog: its metadata file, with every snapshot that this lists;
2. pins, builds and whoever else reads exact metadata files: the newest snapshot of each;
3. pointers, from which a lost catalog is rebuilt: likewise;
4. somebody who took the head a moment ago: every state that was the head within the minimum age,
   by its manifest list. Age alone would not do: a file that was written last month and compacted
   an hour ago is old, and still being read.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final

from pyiceberg.io import FileIO
from pyiceberg.manifest import ManifestFile, read_manifest_list
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.pins import Pin
from ingestion.lake.storage import StoredFile, storage_of

_MANIFEST_LIST: Final = ("snap-", ".avro")
_METADATA: Final = ".metadata.json"
_MOST_UNCERTAIN: Final = 10
"""So many commits in a row may have been killed before one of which nothing else is known."""


@dataclass(frozen=True)
class Kept:
    """What readers hold.

    Attributes:
        pins: Pins that are kept.
        metadata_files: Further exact metadata files that somebody reads.
    """

    pins: tuple[Pin, ...] = ()
    metadata_files: frozenset[str] = frozenset()

    def locations(self) -> set[str]:
        """All exact metadata files that are kept."""
        return {
            plain(location)
            for location in (
                *self.metadata_files,
                *(
                    table.metadata_location
                    for pin in self.pins
                    for table in (*pin.tables.values(), *pin.ops.values())
                ),
            )
            if location is not None
        }

    def snapshots(self) -> set[int]:
        """The snapshots that pins name."""
        return {
            table.snapshot_id
            for pin in self.pins
            for table in (*pin.tables.values(), *pin.ops.values())
            if table.snapshot_id is not None
        }


def plain(location: str) -> str:
    """A location as listings have it: of a file, without `//`, `/./` or `./` at its beginning."""
    path = location.removeprefix("file://")
    return path if "://" in path else str(Path(path))


def reachable(
    table: Table, stored: Collection[StoredFile], kept: Iterable[str], since: datetime
) -> set[str]:
    """The files of a table that somebody may still read.

    Args:
        table: The table, loaded after its files were listed: what was committed in between is
            then reached, and what is written later is not in the list.
        stored: All files in its folder.
        kept: Exact metadata files that are kept, of this table or others.
        since: States that were the head at this time or later stay whole.

    Raises:
        AdxError: A metadata file that is kept, or the newest snapshot of one, is missing.
    """
    folder = f"{plain(table.location()).rstrip('/')}/"
    found: set[str] = set()
    lists: dict[str, bool] = {}  # whether the manifest list must be there
    for entry in table.metadata.metadata_log:
        found.add(plain(entry.metadata_file))
    found |= _metadata(table.metadata, table.metadata_location, lists, every=True)
    for location in sorted(kept):
        if location.startswith(folder) and location != plain(table.metadata_location):
            found |= _metadata(_load(table.io, location), location, lists, every=False)
    found |= _heads_since(stored, since, _is_metadata, found)
    for location in _heads_since(stored, since, _is_manifest_list, lists.keys()):
        lists.setdefault(location, False)
    found |= lists.keys()
    manifests: dict[str, tuple[ManifestFile, bool]] = {}
    for location, is_needed in lists.items():
        for manifest in _manifests(table.io, location, is_needed=is_needed):
            path = plain(manifest.manifest_path)
            manifests[path] = (manifest, is_needed or manifests.get(path, (None, False))[1])
    found |= manifests.keys()
    for files in storage_of(folder).each(
        lambda item: _files(table.io, item[0], is_needed=item[1]), manifests.values()
    ):
        found |= files
    return found


def _metadata(
    metadata: TableMetadata, location: str, lists: dict[str, bool], *, every: bool
) -> set[str]:
    """The files that a metadata file names itself; its manifest lists go to `lists`."""
    current = metadata.current_snapshot_id
    for snapshot in metadata.snapshots:
        if every or snapshot.snapshot_id == current:
            path = plain(snapshot.manifest_list)
            # A catalog that was rebuilt lists snapshots that had been forgotten before.
            lists[path] = lists.get(path, False) or snapshot.snapshot_id == current
    statistics = [*metadata.statistics, *metadata.partition_statistics]
    return {plain(location), *(plain(file.statistics_path) for file in statistics)}


def _load(io: FileIO, location: str) -> TableMetadata:
    try:
        return FromInputFile.table_metadata(io.new_input(location))
    except FileNotFoundError as error:
        raise _missing(location) from error


def _manifests(io: FileIO, location: str, *, is_needed: bool) -> list[ManifestFile]:
    try:
        return list(read_manifest_list(io.new_input(location)))
    except FileNotFoundError as error:
        if is_needed:
            raise _missing(location) from error
        return []


def _files(io: FileIO, manifest: ManifestFile, *, is_needed: bool) -> set[str]:
    """Data and delete files of a manifest."""
    try:
        entries = manifest.fetch_manifest_entry(io, discard_deleted=True)
    except FileNotFoundError as error:
        if is_needed:
            raise _missing(manifest.manifest_path) from error
        return set()
    return {plain(entry.data_file.file_path) for entry in entries}


def _missing(location: str) -> AdxError:
    return AdxError(
        f"{location}, which a pin, a build or a pointer reads, is missing.",
        remedy="Restore it from a backup of the storage, or remove the build that reads it; until "
        "then nothing is removed.",
        exit_code=ExitCode.UNAVAILABLE,
    )


def _is_manifest_list(location: str) -> bool:
    start, end = _MANIFEST_LIST
    name = PurePosixPath(location).name
    return name.startswith(start) and name.endswith(end)


def _is_metadata(location: str) -> bool:
    return location.endswith(_METADATA)


def _heads_since(
    stored: Iterable[StoredFile],
    since: datetime,
    is_kind: Callable[[str], bool],
    committed: Collection[str],
) -> set[str]:
    """The files of one kind that were written since, and that of the head at that time.

    The newest file from before may belong to a commit that never came to be. So several are taken
    until there is one that is known to have been committed.
    """
    files = sorted(
        (file for file in stored if is_kind(file.location)),
        key=lambda file: file.modified_at,
        reverse=True,
    )
    found = {file.location for file in files if file.modified_at >= since}
    for file in files[len(found) :][:_MOST_UNCERTAIN]:
        found.add(file.location)
        if file.location in committed:
            break
    return found
