"""Upkeep of one lake: every table in turn, with the errors of storage and catalog in sentences."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pyiceberg.catalog import Catalog

from ingestion.failpoints import failpoint
from ingestion.lake.catalog_problems import lake_errors
from ingestion.lake.fence import Fence
from ingestion.lake.locks import no_commits, process_lock
from ingestion.lake.pinning import Pinning
from ingestion.lake.pointers import pointers
from ingestion.lake.raw_tables import RawTables, head_of
from ingestion.lake.upkeep.backup import Backup, back_up, backup_folder, newest_backup
from ingestion.lake.upkeep.compaction import MIN_FILES, TARGET_BYTES, Compaction, compact_table
from ingestion.lake.upkeep.expiry import KEPT_HOURS, KEPT_SNAPSHOTS, Expiry, expire_table
from ingestion.lake.upkeep.orphans import Orphans, find_orphans
from ingestion.lake.upkeep.reachable import Kept
from ingestion.lake.upkeep.tables import LakeTable, lake_tables
from ingestion.settings import Settings

KEPT_PINS: Final = 3
"""The newest pins are kept whether or not a build of them is."""

Progress = Callable[[str], None]
"""Called with the name of each table before its turn."""


@dataclass(frozen=True)
class TableStatus:
    """What upkeep has to do with a table.

    Attributes:
        table: `<source>.<table>`, or `ops.<table>`.
        rows: Its rows.
        files: Its data files.
        bytes: Their bytes.
        snapshots: Snapshots that its metadata lists.
        pointers: Pointers beside the lake.
    """

    table: str
    rows: int
    files: int
    bytes: int
    snapshots: int
    pointers: int


@dataclass(frozen=True)
class Status:
    """What upkeep has to do with a lake.

    Attributes:
        tables: By table.
        kept_pins: Numbers of the pins that are kept.
        backup: The newest backup of the catalog; None if there is none.
    """

    tables: list[TableStatus]
    kept_pins: list[int]
    backup: Backup | None


def silent(_: str) -> None:
    """The progress of who does not want to hear of it."""


class Upkeep:
    """Compaction, expiry, orphans and backup of one lake; `Lake.upkeep` gives it."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        fence: Fence,
        tables: RawTables,
        pinning: Pinning,
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._fence = fence
        self._tables = tables
        self._pinning = pinning

    def _all(self, progress: Progress) -> Iterator[LakeTable]:
        for table in lake_tables(self._tables.contracts()):
            progress(table.name)
            yield table

    def kept(self, pins: Collection[int] = (), metadata_files: Iterable[str] = ()) -> Kept:
        """What readers hold: the newest pins, the given ones, and further metadata files."""
        with lake_errors(self._settings):
            logged = self._pinning.pins()
        newest = {pin.number for pin in logged[-KEPT_PINS:]}
        return Kept(
            tuple(pin for pin in logged if pin.number in newest or pin.number in pins),
            frozenset(metadata_files),
        )

    def compact(
        self,
        up_to: Mapping[str, int],
        *,
        target_bytes: int = TARGET_BYTES,
        min_files: int = MIN_FILES,
        check: bool = False,
        progress: Progress = silent,
    ) -> list[Compaction]:
        """Rewrite small files of every table; see `compaction`.

        Args:
            up_to: The newest `_ingest_seq` of each raw table that may be rewritten, by
                `<source>.<table>`: what every engine has published. A table that is not in it is
                left alone.
            target_bytes: What a file grows to.
            min_files: The fewest files that are worth a rewrite.
            check: Only say what would be done.
            progress: Told of each table.

        Raises:
            AdxError: A file is damaged, or the lake cannot be used.
        """
        with lake_errors(self._settings):
            return [
                compact_table(
                    table,
                    self._catalog,
                    self._fence,
                    up_to=up_to.get(table.name, 0) if table.is_raw else None,
                    target_bytes=target_bytes,
                    min_files=min_files,
                    check=check,
                )
                for table in self._all(progress)
            ]

    def expire(
        self,
        kept: Kept,
        *,
        keep: int = KEPT_SNAPSHOTS,
        hours: float = KEPT_HOURS,
        check: bool = False,
        progress: Progress = silent,
    ) -> list[Expiry]:
        """Forget old snapshots of every table; see `expiry`.

        Args:
            kept: What readers hold.
            keep: So many of the newest snapshots of a table stay.
            hours: A snapshot that was the head within so many hours stays.
            check: Only say what would be done.
            progress: Told of each table.

        Raises:
            AdxError: The lake cannot be used.
        """
        before = datetime.now(UTC) - timedelta(hours=hours)
        done = []
        with lake_errors(self._settings):
            for table in self._all(progress):
                done.append(
                    expire_table(
                        table,
                        self._catalog,
                        self._fence,
                        self._settings.lake_root,
                        pinned=kept.snapshots(),
                        before=before,
                        keep=keep,
                        check=check,
                    )
                )
                failpoint("expire.after_table")
        return done

    def orphans(
        self,
        kept: Kept,
        *,
        hours: float = KEPT_HOURS,
        delete: bool = False,
        progress: Progress = silent,
    ) -> list[Orphans]:
        """Find files that nothing reaches, and remove them if asked for; see `orphans`.

        Args:
            kept: What readers hold.
            hours: Files, and states of a table, that are younger stay.
            delete: Remove them.
            progress: Told of each table.

        Raises:
            AdxError: A file that somebody reads is missing; a writer lives (with `delete`); or the
                lake cannot be used.
        """
        before = datetime.now(UTC) - timedelta(hours=hours)
        with lake_errors(self._settings), self._no_writers(delete=delete):
            return [
                find_orphans(
                    table,
                    self._catalog,
                    kept.locations() | self._pointed(table),
                    before,
                    delete=delete,
                )
                for table in self._all(progress)
            ]

    @contextmanager
    def _no_writers(self, *, delete: bool) -> Iterator[None]:
        """Hold what every writer holds: a stream its table for as long as it runs, all a commit."""
        with ExitStack() as stack:
            if delete:
                for contract in self._tables.contracts():
                    name = ".".join(contract.identifier)
                    stack.enter_context(process_lock(self._settings.lake, name))
                stack.enter_context(no_commits(self._settings.lake))
            yield

    def _pointed(self, table: LakeTable) -> set[str]:
        found = pointers(self._settings.lake_root, table.full_name)
        return {pointer.metadata_location for pointer in found}

    def back_up(self, folder: str | None = None) -> Backup:
        """Write what the catalog knows to a file; see `backup`.

        Args:
            folder: Where to; by default the folder of backups of this home.

        Raises:
            AdxError: The folder, the storage or the catalog cannot be used.
        """
        with lake_errors(self._settings):
            return back_up(
                lake_tables(self._tables.contracts()),
                self._catalog,
                folder or backup_folder(self._settings),
                datetime.now(UTC),
            )

    def status(self, kept: Kept) -> Status:
        """Where every table stands, and what is kept."""
        with lake_errors(self._settings):
            return Status(
                tables=[self._status(table) for table in self._all(silent)],
                kept_pins=[pin.number for pin in kept.pins],
                backup=newest_backup(backup_folder(self._settings)),
            )

    def _status(self, table: LakeTable) -> TableStatus:
        head = head_of(table.name, table.load(self._catalog))
        return TableStatus(
            table=table.name,
            rows=head.rows,
            files=head.files,
            bytes=head.bytes,
            snapshots=head.snapshots,
            pointers=len(pointers(self._settings.lake_root, table.full_name)),
        )
