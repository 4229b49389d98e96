"""The lake: one object through which everything is written to and read from Iceberg."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog

from ingestion.contracts import Contract, all_contracts
from ingestion.lake.catalog import open_catalog, setup_lock
from ingestion.lake.catalog_problems import lake_errors
from ingestion.lake.check import FileProblem, check_table
from ingestion.lake.claims import BatchClaim, StreamClaim
from ingestion.lake.commits import CommitResult, Commits
from ingestion.lake.duckdb import Rows, relation_sql
from ingestion.lake.fence import Fence
from ingestion.lake.files import DataFile
from ingestion.lake.locks import process_lock
from ingestion.lake.ops import OPS_TABLES
from ingestion.lake.ops_store import OpsStore, Update
from ingestion.lake.pinning import Pinning
from ingestion.lake.pins import OPS, Pin, Window
from ingestion.lake.pointers import has_pointers
from ingestion.lake.raw_tables import RawTables, StreamPosition, TableHead
from ingestion.lake.registry import FileRegistry
from ingestion.lake.upkeep.lake_upkeep import Upkeep
from ingestion.lake.versions import TableUpgrade, upgrade_tables
from ingestion.settings import Settings


class Lake:
    """The lake of one environment. Open it with `Lake.open`; threads may share it."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self.folder = settings.lake
        self._settings = settings
        self._catalog = catalog
        fence = Fence(settings.lake_root, catalog, settings.lake)
        self._fence = fence
        self._tables = RawTables(settings, catalog)
        self._ops = OpsStore(settings, catalog, fence)
        self._commits = Commits(self._tables, fence, FileRegistry(self._ops))
        self._pinning = Pinning(settings, self._tables, self._ops, fence)
        self.upkeep = Upkeep(settings, catalog, fence, self._tables, self._pinning)

    @classmethod
    def open(cls, settings: Settings) -> "Lake":
        """Open the lake of an environment; an empty one is made.

        Raises:
            AdxError: The folder cannot be used, the catalog is missing or damaged.
        """
        with lake_errors(settings):
            return cls(settings, open_catalog(settings))

    def reach(self) -> None:
        """Ask storage and catalog for something.

        Raises:
            AdxError: One of them cannot be reached or refuses.
        """
        with lake_errors(self._settings):
            self._catalog.list_namespaces()
            has_pointers(self._settings.lake_root)

    def ensure_tables(self) -> None:
        """Create every raw table and every `ops` table that is missing.

        Raises:
            AdxError: A table is at another version than its contract (`adx upgrade`) or has other
                columns, or the catalog has forgotten a table or its newest commits.
        """
        with lake_errors(self._settings), setup_lock(self.folder):
            self._tables.ensure()
            self._ops.ensure_tables()

    def planned_upgrades(self) -> list[TableUpgrade]:
        """What `upgrade` would do; nothing for a lake at the newest versions, or without tables.

        Raises:
            AdxError: A table is at a later version than this code knows, or has other columns.
        """
        with lake_errors(self._settings):
            return list(self._tables.planned_upgrades().values())

    def upgrade(self) -> list[TableUpgrade]:
        """Bring every raw table that exists to the newest version of its contract.

        Only metadata is written. Rows of before have nulls in the new columns; pins of before
        stay readable as they are.

        Returns:
            What was done.

        Raises:
            AdxError: As `planned_upgrades`.
        """
        with lake_errors(self._settings):
            return upgrade_tables(self._fence, self._tables.planned_upgrades())

    def location(self, contract: Contract) -> str:
        """Folder of a raw table, for `write_data_files`."""
        with lake_errors(self._settings):
            return str(self._tables.load(contract).location())

    def head(self, contract: Contract) -> TableHead:
        """Where a raw table stands now."""
        with lake_errors(self._settings):
            return self._tables.head(contract)

    def heads(self) -> dict[str, int]:
        """Where everything stands that a pin carries, named as in `Pin.heads`."""
        with lake_errors(self._settings):
            raw = {known.name: self._tables.head(known).ingest_seq for known in all_contracts()}
            return raw | {f"{OPS}.{name}": head.rows for name, head in self._ops.heads().items()}

    def stream_position(self, contract: Contract) -> StreamPosition:
        """The next offset of each partition of each topic that feeds a table."""
        return self.head(contract).claims.stream

    def commit_files(
        self,
        contract: Contract,
        files: Sequence[DataFile],
        claim: StreamClaim,
        *,
        expected_seq: int,
    ) -> CommitResult:
        """Commit data files together with the offsets they hold.

        Args:
            contract: Contract of the table.
            files: What `write_data_files` gave; their rows carry `expected_seq + 1`.
            claim: The offsets.
            expected_seq: `ingest_seq` of the head that the batch was planned on.

        Raises:
            StalePlan: The table has moved on; plan the batch again.
            AdxError: Offsets would be lost, or the disk or catalog fails.
        """
        with lake_errors(self._settings):
            return self._commits.stream(contract, files, claim, expected_seq=expected_seq)

    def commit_rows(self, contract: Contract, rows: pa.Table, claim: BatchClaim) -> CommitResult:
        """Write rows and commit them together with what a batch claims.

        Stamps `_ingest_seq`, `_loaded_at` and, where the table has it, `_load_date`. After a lost
        race the rows are stamped and written again.

        Args:
            contract: Contract of the table.
            rows: Rows in the raw schema; none commits the claim alone.
            claim: The package.

        Raises:
            StalePlan: Somebody else committed for the pipeline, or some of its files are in.
            AdxError: The disk or the catalog fails.
        """
        with lake_errors(self._settings):
            return self._commits.batch(contract, rows, claim)

    def loaded_files(self, contract: Contract, digests: Iterable[str]) -> set[str]:
        """Which contents (sha256) are loaded, now or ever, so that they need not be read."""
        with lake_errors(self._settings):
            return self._commits.loaded_files(contract, digests)

    def append_ops(self, table: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Append rows to `ops.<table>`; a row whose key is there already adds nothing.

        Args:
            table: One of `OPS_TABLES`; `ingestion.lake.ops` has the columns.
            rows: Columns that are left out are null.

        Returns:
            How many rows were added.
        """
        with lake_errors(self._settings):
            return self._ops.append(OPS_TABLES[table], rows)

    def update_ops(
        self, table: str, plan: Callable[[pa.Table, Mapping[str, str]], Update | None]
    ) -> int:
        """Append rows to `ops.<table>` and set properties of it that follow from what it holds.

        Args:
            table: One of `OPS_TABLES`.
            plan: Gets rows and properties, and says what to change; called again after a lost race.

        Returns:
            How many rows were added.
        """
        with lake_errors(self._settings):
            return self._ops.update(OPS_TABLES[table], plan)

    def read_ops(self, table: str) -> pa.Table:
        """All rows of `ops.<table>`, ordered by key."""
        with lake_errors(self._settings):
            return self._ops.read(OPS_TABLES[table])

    def ops_location(self, table: str) -> str:
        """The exact metadata file of `ops.<table>` as it is now."""
        with lake_errors(self._settings):
            return str(self._ops.table(OPS_TABLES[table]).metadata_location)

    def pin(self) -> Pin:
        """Pin the heads of all raw tables, and log the pin if anything is new since the last.

        Two processes may pin at once: a pin is committed on the very table it was computed from.
        """
        with lake_errors(self._settings):
            return self._pinning.pin()

    def pins(self) -> list[Pin]:
        """Every pin that was logged, oldest first."""
        with lake_errors(self._settings):
            return self._pinning.pins()

    def window(self, previous: Pin | None, current: Pin) -> Window:
        """What is new in `current` since `previous`; everything if that is None.

        Touched dates come from the lake: the scan is bounded by `_ingest_seq`, so it opens the
        files of the window only.
        """
        with lake_errors(self._settings):
            return self._pinning.window(previous, current)

    def duckdb_relation_sql(
        self, contract: Contract, metadata_location: str, rows: Rows = "all"
    ) -> str:
        """A SELECT for DuckDB over one exact state of a raw table; see `lake.duckdb`."""
        with lake_errors(self._settings):
            return relation_sql(contract, metadata_location, rows)

    def check_files(
        self, contract: Contract, metadata_location: str | None = None
    ) -> list[FileProblem]:
        """Compare every data file of a raw table with what was committed.

        Args:
            contract: Contract of the table.
            metadata_location: An exact state, such as a pin's; the head if None.
        """
        location = metadata_location or self.head(contract).metadata_location
        with lake_errors(self._settings):
            return check_table(contract.name, location)

    def check_ops_files(self) -> list[FileProblem]:
        """Compare every data file of the `ops` tables with what was committed."""
        with lake_errors(self._settings):
            return [
                problem
                for ops in OPS_TABLES.values()
                for problem in check_table(
                    f"ops.{ops.name}", self._ops.table(ops).metadata_location
                )
            ]

    def writer_lock(self, contract: Contract) -> AbstractContextManager[None]:
        """A lock that one writer of a raw table holds while it runs.

        A courtesy that saves work; correctness comes from the fence.

        Raises:
            AdxError: Another process holds it (exit code BUSY).
        """
        return process_lock(self.folder, ".".join(contract.identifier))
