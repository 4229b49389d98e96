"""The lake: one object through which everything is read from and written to Iceberg."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError
from pyiceberg.table import Table

from ingestion.contracts import Contract, all_contracts, load_contract, raw_schema
from ingestion.contracts.schema import TIMESTAMP, partition_column
from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake.catalog import find_table, open_catalog, storage_errors
from ingestion.lake.check import FileProblem, check_table
from ingestion.lake.claims import (
    SEQ,
    BatchClaim,
    Claims,
    FileClaim,
    Load,
    StalePlan,
    StreamClaim,
    check_batch,
    check_stream,
    find_load,
    read_claims,
    stream_is_in,
    with_batch,
    with_stream,
)
from ingestion.lake.duckdb import Rows, connect, relation_sql
from ingestion.lake.fence import Append, Fence
from ingestion.lake.files import DataFile, total, write_data_files
from ingestion.lake.locks import process_lock
from ingestion.lake.ops import OPS_TABLES, PINS, arrow_rows
from ingestion.lake.ops_store import OpsStore
from ingestion.lake.pins import (
    EFFECTIVE_COLUMN,
    LAST_PIN,
    Pin,
    PinnedTable,
    TableWindow,
    Window,
    pins_of,
)
from ingestion.lake.pointers import write_pointer
from ingestion.lake.registry import FileRegistry
from ingestion.lake.schema import raw_iceberg_schema, raw_partition_spec, raw_table_properties
from ingestion.settings import Settings

StreamPosition = Mapping[str, Mapping[int, int]]
"""`{topic id: {partition: next offset}}`; a partition that never committed is not in it."""


@dataclass(frozen=True)
class TableHead:
    """Where a raw table stands.

    Attributes:
        table: `<source>.<table>`.
        metadata_location: The exact metadata file; readers take this and nothing else.
        snapshot_id: None for a table that was never committed to.
        ingest_seq: `_ingest_seq` of the newest rows; 0 for none.
        claims: What is claimed in it.
    """

    table: str
    metadata_location: str
    snapshot_id: int | None
    ingest_seq: int
    claims: Claims


@dataclass(frozen=True)
class CommitResult:
    """What a commit did.

    Attributes:
        status: `already` if the claim was in before; then nothing was written.
        ingest_seq: The number the rows carry; the table's own where there were none.
        snapshot_id: Snapshot of the commit; of the head if it was in already.
        rows: Rows committed, good and failed.
        failed: Failed rows among them.
    """

    status: Literal["committed", "already"]
    ingest_seq: int
    snapshot_id: int | None
    rows: int
    failed: int


class Lake:
    """The lake of one environment. Open it with `Lake.open`; threads may share it."""

    def __init__(self, settings: Settings, catalog: SqlCatalog) -> None:
        self.folder = settings.lake
        self._settings = settings
        self._catalog = catalog
        self._fence = Fence(self.folder, catalog)
        self._ops = OpsStore(self.folder, catalog, self._fence)
        self._files = FileRegistry(self._ops)
        self._duckdb: duckdb.DuckDBPyConnection | None = None
        self._duckdb_lock = threading.Lock()

    @classmethod
    def open(cls, settings: Settings) -> "Lake":
        """Open the lake of an environment; an empty one is made.

        Raises:
            AdxError: The folder cannot be used, the catalog is missing or damaged.
        """
        with storage_errors(settings.lake):
            return cls(settings, open_catalog(settings.lake))

    def ensure_tables(self) -> None:
        """Create every raw table and every `ops` table that is missing.

        Raises:
            AdxError: A table has other columns than its contract.
        """
        with storage_errors(self.folder):
            for contract in all_contracts():
                self._ensure(contract)
            self._ops.ensure_tables()

    def _ensure(self, contract: Contract) -> None:
        table = find_table(self._catalog, self.folder, contract.identifier)
        schema = raw_iceberg_schema(contract)
        if table is None:
            self._catalog.create_namespace_if_not_exists(contract.namespace)
            try:
                table = self._catalog.create_table(
                    contract.identifier,
                    schema,
                    partition_spec=raw_partition_spec(contract),
                    properties=raw_table_properties(contract),
                )
            except TableAlreadyExistsError:
                table = self._catalog.load_table(contract.identifier)
            write_pointer(self.folder, table)
        if table.schema().as_struct() != schema.as_struct():
            raise AdxError(
                f"The lake table of {contract.name} has other columns than contract version "
                f"{contract.version}.",
                remedy="Undo the change of that contract file; a change needs a new version.",
                exit_code=ExitCode.CONFIGURATION,
            )

    def _table(self, contract: Contract) -> Table:
        try:
            return self._catalog.load_table(contract.identifier)
        except NoSuchTableError:
            raise AdxError(
                f"The lake has no table for {contract.name}.",
                remedy="Call Lake.ensure_tables first; every landing does.",
                exit_code=ExitCode.CONFIGURATION,
            ) from None

    def location(self, contract: Contract) -> str:
        """Folder of a raw table, for `write_data_files`."""
        with storage_errors(self.folder):
            return str(self._table(contract).location())

    def head(self, contract: Contract) -> TableHead:
        """Where a raw table stands now."""
        with storage_errors(self.folder):
            return _head(contract, self._table(contract))

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
        rows, failed = total(files)

        def plan(table: Table) -> Append[CommitResult] | CommitResult:
            claims = read_claims(table.properties)
            if stream_is_in(claims, claim):
                return CommitResult("already", claims.ingest_seq, _snapshot_id(table), 0, 0)
            check_stream(claims, claim, contract.name)
            if claims.ingest_seq != expected_seq:
                raise StalePlan(
                    f"{contract.name}: planned on commit {expected_seq}, "
                    f"the table is at {claims.ingest_seq}"
                )
            seq = claims.ingest_seq + (1 if rows else 0)
            return Append(
                files=files,
                properties={**with_stream(claims, claim), SEQ: str(seq)},
                ingest_seq=seq,
                outcome=lambda snapshot: CommitResult("committed", seq, snapshot, rows, failed),
            )

        with storage_errors(self.folder):
            return self._fence.commit(contract.identifier, plan)

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
        failed = rows.num_rows - pc.struct_field(rows.column("_error"), "reason").null_count
        counts = _rows_by_file(rows)

        def plan(table: Table) -> Append[CommitResult] | CommitResult:
            claims = read_claims(table.properties)
            load = find_load(claims, claim)
            if load is not None:
                return CommitResult(
                    "already", load.ingest_seq, _snapshot_id(table), load.rows, load.failed
                )
            known = self._files.known(contract, claims, claim.files)
            if known and known == set(claim.files):
                return CommitResult("already", claims.ingest_seq, _snapshot_id(table), 0, 0)
            if known:
                names = sorted(claim.files[digest] for digest in known)
                raise StalePlan(f"{contract.name}: loaded already: {', '.join(names)}")
            check_batch(claims, claim, contract.name)
            seq = claims.ingest_seq + (1 if rows.num_rows else 0)
            now = datetime.now(UTC)
            before = self._files.superseded(contract, claims, claim.files.values())
            files, left = self._files.make_room(contract, claims, len(claim.files))
            for digest, name in claim.files.items():
                files[digest] = FileClaim(
                    name,
                    claim.load_id,
                    seq,
                    *counts.get(name, (0, 0)),
                    now.isoformat(),
                    before.get(name),
                )
            load = Load(claim.load_id, seq, rows.num_rows, failed)
            data_files = write_data_files(
                _stamp(rows, contract, seq, now), contract, table.location()
            )
            return Append(
                files=data_files,
                properties={**with_batch(claims, claim, load, files, left), SEQ: str(seq)},
                ingest_seq=seq,
                outcome=lambda snapshot: CommitResult(
                    "committed", seq, snapshot, rows.num_rows, failed
                ),
                rewritten=True,
            )

        with storage_errors(self.folder):
            result = self._fence.commit(contract.identifier, plan)
            if claim.files:
                failpoint("lake.before_register")
                self._register(contract, claim.files)
            return result

    def loaded_files(self, contract: Contract, digests: Iterable[str]) -> set[str]:
        """Which contents (sha256) are loaded, now or ever, so that they need not be read."""
        with storage_errors(self.folder):
            found = self._files.known(contract, self.head(contract).claims, digests)
            self._register(contract, found)
            return found

    def _register(self, contract: Contract, digests: Iterable[str]) -> None:
        """Write files that the table itself still knows to `ops.file_registry`.

        Also done for files found loaded before, as the process that loaded them may have died in
        between.
        """
        claims = self.head(contract).claims
        files = {digest: claims.files[digest] for digest in digests if digest in claims.files}
        self._files.register(contract, files)

    def append_ops(self, table: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Append rows to `ops.<table>`; a row whose key is there already adds nothing.

        Args:
            table: `pins`, `run_ledger` or `file_registry`; `ingestion.lake.ops` has the columns.
            rows: Columns that are left out are null.

        Returns:
            How many rows were added.
        """
        with storage_errors(self.folder):
            return self._ops.append(OPS_TABLES[table], rows)

    def read_ops(self, table: str) -> pa.Table:
        """All rows of `ops.<table>`, ordered by key."""
        with storage_errors(self.folder):
            return self._ops.read(OPS_TABLES[table])

    def ops_location(self, table: str) -> str:
        """The exact metadata file of `ops.<table>` as it is now."""
        with storage_errors(self.folder):
            return str(self._ops.table(OPS_TABLES[table]).metadata_location)

    def pin(self) -> Pin:
        """Pin the heads of all raw tables, and log the pin if anything is new since the last.

        Two processes may pin at once: the pin is committed on the very table it was computed from.
        """

        def plan(table: Table) -> Append[Pin] | Pin:
            logged = table.properties.get(LAST_PIN)
            last = Pin.from_json(logged) if logged is not None else None
            # Heads are read after `ops.pins`, and only ever rise, so none lies below the last pin.
            heads = {contract.name: self._lasting_head(contract) for contract in all_contracts()}
            if last is not None and last.heads() == {
                name: head.ingest_seq for name, head in heads.items()
            }:
                return last
            before = last.heads() if last is not None else {}
            pin = Pin(
                number=last.number + 1 if last is not None else 1,
                pinned_at=datetime.now(UTC),
                tables={
                    name: PinnedTable(
                        metadata_location=head.metadata_location,
                        snapshot_id=head.snapshot_id,
                        from_seq=before.get(name, 0),
                        to_seq=head.ingest_seq,
                    )
                    for name, head in heads.items()
                },
            )
            rows = arrow_rows(PINS, pin.rows())
            failpoint("pin.before_commit")
            return self._ops.rows_append(
                PINS, table, rows, properties={LAST_PIN: pin.to_json()}, outcome=lambda _: pin
            )

        with storage_errors(self.folder):
            pin = self._fence.commit(PINS.identifier, plan)
        failpoint("pin.after_commit")
        return pin

    def _lasting_head(self, contract: Contract) -> TableHead:
        """A head whose pointer is written, so that no recovery can fall behind a pin."""
        table = self._table(contract)
        write_pointer(self.folder, table)
        return _head(contract, table)

    def pins(self) -> list[Pin]:
        """Every pin that was logged, oldest first."""
        return pins_of(self.read_ops(PINS.name).to_pylist())

    def window(self, previous: Pin | None, current: Pin) -> Window:
        """What is new in `current` since `previous`; everything if that is None.

        Touched dates come from the lake: the scan is bounded by `_ingest_seq`, so it opens the
        files of the window only.
        """
        before = previous.heads() if previous is not None else {}
        with storage_errors(self.folder):
            tables = {
                name: self._table_window(
                    load_contract(*name.split(".")), table, before.get(name, 0)
                )
                for name, table in current.tables.items()
            }
        return Window(current.number, previous.number if previous is not None else None, tables)

    def _table_window(self, contract: Contract, table: PinnedTable, from_seq: int) -> TableWindow:
        effective = EFFECTIVE_COLUMN.get(contract.source)
        if from_seq == table.to_seq or (effective is None and not contract.is_event):
            return TableWindow(from_seq, table.to_seq)
        rows = (
            f"from ({relation_sql(contract, table.metadata_location, 'good')}) "
            f"where _ingest_seq between {from_seq + 1} and {table.to_seq}"
        )
        cursor = self._cursor()
        if contract.is_event:
            found = cursor.execute(f"select distinct event_date {rows} order by all").fetchall()
            return TableWindow(from_seq, table.to_seq, tuple(day for (day,) in found))
        # A row that says that a key has gone has no business time; it is in force from its poll.
        least = cursor.execute(
            f"select min(coalesce(cast({effective} as date), cast(_loaded_at as date))) {rows}"
        ).fetchone()
        return TableWindow(from_seq, table.to_seq, (), least[0] if least is not None else None)

    def duckdb_relation_sql(
        self, contract: Contract, metadata_location: str, rows: Rows = "all"
    ) -> str:
        """A SELECT for DuckDB over one exact state of a raw table; see `lake.duckdb`."""
        with storage_errors(self.folder):
            return relation_sql(contract, metadata_location, rows)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        with self._duckdb_lock:
            if self._duckdb is None:
                self._duckdb = connect(self._settings)
            return self._duckdb.cursor()

    def check_files(
        self, contract: Contract, metadata_location: str | None = None
    ) -> list[FileProblem]:
        """Compare every data file of a raw table with what was committed.

        Args:
            contract: Contract of the table.
            metadata_location: An exact state, such as a pin's; the head if None.
        """
        location = metadata_location or self.head(contract).metadata_location
        with storage_errors(self.folder):
            return check_table(contract.name, location)

    def check_ops_files(self) -> list[FileProblem]:
        """Compare every data file of the `ops` tables with what was committed."""
        with storage_errors(self.folder):
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


def _head(contract: Contract, table: Table) -> TableHead:
    claims = read_claims(table.properties)
    return TableHead(
        table=contract.name,
        metadata_location=table.metadata_location,
        snapshot_id=_snapshot_id(table),
        ingest_seq=claims.ingest_seq,
        claims=claims,
    )


def _snapshot_id(table: Table) -> int | None:
    snapshot = table.current_snapshot()
    return None if snapshot is None else int(snapshot.snapshot_id)


def _stamp(rows: pa.Table, contract: Contract, seq: int, loaded_at: datetime) -> pa.Table:
    """The rows with the columns that only the commit knows."""
    values = {
        "_ingest_seq": pa.scalar(seq, pa.int64()),
        "_loaded_at": pa.scalar(loaded_at, TIMESTAMP),
    }
    if not contract.is_event:
        values[partition_column(contract)] = pa.scalar(loaded_at.date(), pa.date32())
    schema = raw_schema(contract)
    for name, value in values.items():
        column = pa.repeat(value, rows.num_rows)
        rows = rows.set_column(schema.get_field_index(name), schema.field(name), column)
    return rows


def _rows_by_file(rows: pa.Table) -> dict[str, tuple[int, int]]:
    """Rows and failed rows by `_source_file`."""
    if "_source_file" not in rows.schema.names:
        return {}
    names = rows.column("_source_file")
    is_failed = pc.is_valid(pc.struct_field(rows.column("_error"), "reason"))
    read = Counter(_value_counts(names))
    failed = Counter(_value_counts(names.filter(is_failed)))
    return {name: (count, failed[name]) for name, count in read.items()}


def _value_counts(names: pa.ChunkedArray) -> dict[str, int]:
    counts = pc.value_counts(names)
    return dict(zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True))
