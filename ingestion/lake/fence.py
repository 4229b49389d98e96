"""The fenced commit: the only way anything gets into the lake.

Rows and the claim of what they are go into one Iceberg commit. The table is loaded once a try,
the claim is compared with what that very object says, and the commit fails if anybody else
committed in between, since even a commit without rows makes a snapshot. After any exception the
table is loaded again and asked whether the commit is in; nothing is repeated blindly.
"""

import random
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.manifest import DataFile as ManifestFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update.snapshot import ExpireSnapshots

from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake.files import DataFile
from ingestion.lake.locks import committing
from ingestion.lake.manifest import manifest_entries
from ingestion.lake.pointers import write_pointer
from ingestion.lake.schema import AddColumns
from ingestion.lake.storage import storage_of
from ingestion.lake.transaction import LakeTransaction

COMMIT_ID: Final = "adx.commit"
_MOST_SNAPSHOTS: Final = 40
_KEPT_SNAPSHOTS: Final = 10
"""600 snapshots make a commit take 0.5 s; pins name exact metadata files and files are never
deleted by a commit, so the newest metadata can forget old snapshots."""
_PATIENCE_SECONDS: Final = 120

Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Append(Generic[Outcome]):
    """What one try wants to commit.

    Attributes:
        files: Data files to add; none makes an empty append, which still detects conflicts.
        properties: Table properties to set in the same commit.
        ingest_seq: The number that every row of the files must carry; None where rows have none.
        outcome: What the caller gets when the commit is in.
    """

    files: Sequence[DataFile]
    properties: Mapping[str, str]
    ingest_seq: int | None
    outcome: Callable[[int], Outcome]
    """Called with the snapshot id of the commit."""
    rewritten: bool = False
    """The next try writes its own files, so those of a try that lost are garbage."""
    columns: Sequence[AddColumns] = ()
    """Each adds columns to the table in the same commit, the later ones also to those before."""
    replaced: Sequence[ManifestFile] = ()
    """Files of the table whose rows are those of `files`, which take their place."""
    forgotten: Collection[int] = ()
    """Snapshots that the newest metadata shall not list any more."""
    summary: Mapping[str, str] = field(default_factory=dict)
    """What the snapshot says of itself."""


class Fence:
    """Commits to tables of one catalog.

    Args:
        root: Where the lake's files are.
        catalog: Its catalog.
        folder: What of the lake is on this machine.
    """

    def __init__(self, root: str, catalog: Catalog, folder: Path) -> None:
        self._root = root
        self._catalog = catalog
        self._folder = folder

    def commit(
        self,
        identifier: tuple[str, str],
        plan: Callable[[Table], Append[Outcome] | Outcome],
    ) -> Outcome:
        """Commit what `plan` asks for, planning again after every lost race.

        Args:
            identifier: Namespace and name of the table.
            plan: Looks at the table and says what to append, or gives the outcome right away if
                there is nothing to do. Raises to give up. It is called once a try, and the
                commit is made on the same table object.

        Raises:
            AdxError: The table was too busy for two minutes.
        """
        with committing(self._folder):
            return self._commit(identifier, plan)

    def _commit(
        self,
        identifier: tuple[str, str],
        plan: Callable[[Table], Append[Outcome] | Outcome],
    ) -> Outcome:
        commit_id = uuid.uuid4().hex
        deadline = time.monotonic() + _PATIENCE_SECONDS
        tries = 0
        while True:
            table = self._catalog.load_table(identifier)
            append = plan(table)
            if not isinstance(append, Append):
                write_pointer(self._root, table)
                return append
            failpoint("lake.before_metadata")
            try:
                _commit(table, append, commit_id)
                failpoint("lake.in_swap")
            except CommitFailedException:
                # A definite no: the catalog row was not changed, so nobody can have seen the files.
                if append.rewritten:
                    for file in append.files:
                        storage_of(file.path).delete(file.path)
                if time.monotonic() > deadline:
                    raise AdxError(
                        f"{'.'.join(identifier)} was too busy for {_PATIENCE_SECONDS} s.",
                        remedy="Stop one of the writers, or try again when they are done.",
                        exit_code=ExitCode.BUSY,
                    ) from None
                tries += 1
                time.sleep(random.uniform(0.01, 0.05) * min(tries, 10))
                continue
            except Exception:
                table = self._catalog.load_table(identifier)
                snapshot = _own_snapshot(table, commit_id)
                if snapshot is None:
                    raise
            failpoint("lake.after_swap")
            write_pointer(self._root, table)
            failpoint("lake.after_pointer")
            own = _own_snapshot(table, commit_id)
            return append.outcome(own.snapshot_id if own is not None else 0)


def _own_snapshot(table: Table, commit_id: str) -> Snapshot | None:
    for snapshot in reversed(table.snapshots()):
        summary = snapshot.summary
        if summary is not None and summary.additional_properties.get(COMMIT_ID) == commit_id:
            return snapshot
    return None


def _commit(table: Table, append: Append[Any], commit_id: str) -> None:
    data_files = manifest_entries(table, append.files, append.ingest_seq)
    with LakeTransaction(table) as transaction:
        for add_columns in append.columns:
            with transaction.update_schema() as update_schema:
                add_columns(update_schema)
        summary = {**append.summary, COMMIT_ID: commit_id}
        update = transaction.update_snapshot(snapshot_properties=summary)
        with update.overwrite() if append.replaced else update.merge_append() as snapshot:
            for data_file in data_files:
                snapshot.append_data_file(data_file)
            for replaced in append.replaced:
                snapshot.delete_data_file(replaced)
            if append.replaced and not table.spec().fields:
                # pyiceberg looks for the files in manifests of their partitions, and finds none
                # in a table that has no partitions
                snapshot.delete_by_predicate(AlwaysTrue())
        transaction.set_properties(dict(append.properties))
        forgotten = append.forgotten or _too_many(table)
        if forgotten:
            ExpireSnapshots(transaction).by_ids(list(forgotten)).commit()


def _too_many(table: Table) -> list[int]:
    """Snapshots that a commit forgets because there are so many; none while there are few."""
    known = sorted(table.snapshots(), key=lambda item: item.sequence_number or 0)
    if len(known) < _MOST_SNAPSHOTS:
        return []
    return [item.snapshot_id for item in known[:-_KEPT_SNAPSHOTS]]
