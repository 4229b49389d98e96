"""The lake: one object through which everything is read from and written to Iceberg."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError
from pyiceberg.table import Table

from ingestion.contracts import Contract, all_contracts, raw_schema
from ingestion.contracts.schema import TIMESTAMP, partition_column
from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake.catalog import open_catalog
from ingestion.lake.claims import (
    SEQ,
    BatchClaim,
    Claims,
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
from ingestion.lake.fence import Append, Fence
from ingestion.lake.files import DataFile, total, write_data_files
from ingestion.lake.pointers import write_pointer
from ingestion.lake.problems import storage_errors
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
    """The lake of one environment. Open it with `Lake.open`; safe to share between threads."""

    def __init__(self, folder: Path, catalog: SqlCatalog) -> None:
        self.folder = folder
        self._catalog = catalog
        self._fence = Fence(folder, catalog)

    @classmethod
    def open(cls, settings: Settings) -> "Lake":
        """Open the lake of an environment; an empty one is made.

        Raises:
            AdxError: The folder cannot be used, the catalog is missing or damaged.
        """
        folder = settings.lake
        with storage_errors(folder):
            return cls(folder, open_catalog(folder))

    def ensure_tables(self) -> None:
        """Create every raw table that is missing.

        Raises:
            AdxError: A table has other columns than its contract.
        """
        with storage_errors(self.folder):
            for contract in all_contracts():
                self._ensure(contract)

    def _ensure(self, contract: Contract) -> None:
        table = self._find(contract.identifier)
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

    def _find(self, identifier: tuple[str, str]) -> Table | None:
        try:
            return self._catalog.load_table(identifier)
        except NoSuchTableError:
            return None

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
            table = self._table(contract)
        claims = read_claims(table.properties)
        return TableHead(
            table=contract.name,
            metadata_location=table.metadata_location,
            snapshot_id=_snapshot_id(table),
            ingest_seq=claims.ingest_seq,
            claims=claims,
        )

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

        def plan(table: Table) -> Append[CommitResult] | CommitResult:
            claims = read_claims(table.properties)
            load = find_load(claims, claim)
            if load is not None:
                return CommitResult(
                    "already", load.ingest_seq, _snapshot_id(table), load.rows, load.failed
                )
            check_batch(claims, claim, contract.name)
            seq = claims.ingest_seq + (1 if rows.num_rows else 0)
            load = Load(claim.load_id, seq, rows.num_rows, failed)
            stamped = _stamp(rows, contract, seq, datetime.now(UTC))
            files = write_data_files(stamped, contract, table.location())
            failpoint("lake.after_files")
            properties = with_batch(claims, claim, load, claims.files, claims.files_left)
            return Append(
                files=files,
                properties={**properties, SEQ: str(seq)},
                ingest_seq=seq,
                outcome=lambda snapshot: CommitResult(
                    "committed", seq, snapshot, rows.num_rows, failed
                ),
            )

        with storage_errors(self.folder):
            return self._fence.commit(contract.identifier, plan)


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
