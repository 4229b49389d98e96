"""Orphans: files in the folder of a table that nothing reaches.

A process that was killed leaves some, and so does everything that forgets: a compaction whose old
files no pin needs any more, a snapshot that expired. They cost space and harm nobody, so they are
only removed by who asks for it, when nobody writes, and when they have been there for long.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pyiceberg.catalog import Catalog

from ingestion.failpoints import failpoint
from ingestion.lake.storage import StoredFile, storage_of
from ingestion.lake.upkeep.reachable import plain, reachable
from ingestion.lake.upkeep.tables import LakeTable


@dataclass(frozen=True)
class Orphans:
    """What nothing reaches in the folder of a table.

    Attributes:
        table: `<source>.<table>`, or `ops.<table>`.
        checked: Files in its folder.
        young: Files that nothing reaches and that are too young to be told from those of a commit
            that is under way.
        files: Locations of the orphans.
        bytes: Their bytes.
        is_deleted: Whether they were removed.
    """

    table: str
    checked: int
    young: int
    files: tuple[str, ...]
    bytes: int
    is_deleted: bool


def find_orphans(
    lake_table: LakeTable,
    catalog: Catalog,
    kept: Iterable[str],
    before: datetime,
    *,
    delete: bool = False,
) -> Orphans:
    """Find the orphans of a table, and remove them if asked for.

    Args:
        lake_table: The table.
        catalog: Its catalog.
        kept: Exact metadata files that are kept, pointers' included.
        before: Only files that were written before this time count, and only states that were
            the head before it are given up.
        delete: Remove them; the caller holds the locks of all writers.

    Raises:
        AdxError: As `reachable`.
    """
    location = plain(lake_table.load(catalog).location())
    # Listed first, loaded then: see `reachable`.
    stored = list(storage_of(location).files(location))
    table = lake_table.load(catalog)
    wanted = reachable(table, stored, kept, before)
    unreached = [file for file in stored if file.location not in wanted]
    orphans = [file for file in unreached if file.modified_at < before]
    if delete:
        _delete(orphans)
    return Orphans(
        table=lake_table.name,
        checked=len(stored),
        young=len(unreached) - len(orphans),
        files=tuple(sorted(file.location for file in orphans)),
        bytes=sum(file.bytes for file in orphans),
        is_deleted=delete,
    )


def _delete(orphans: Iterable[StoredFile]) -> None:
    for file in orphans:
        storage_of(file.location).delete(file.location)
        failpoint("orphans.after_file")
