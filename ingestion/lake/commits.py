"""What goes through the fence to raw tables: files of a stream, rows of a batch."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table

from ingestion.contracts import Contract, raw_schema
from ingestion.contracts.schema import TIMESTAMP, partition_column
from ingestion.failpoints import failpoint
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
from ingestion.lake.fence import Append, Fence
from ingestion.lake.files import DataFile, total, write_data_files
from ingestion.lake.raw_tables import RawTables, snapshot_id_of
from ingestion.lake.registry import FileRegistry
from ingestion.lake.versions import check_version


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


class Commits:
    """Commits to the raw tables of one lake."""

    def __init__(self, tables: RawTables, fence: Fence, files: FileRegistry) -> None:
        self._tables = tables
        self._fence = fence
        self._files = files

    def stream(
        self,
        contract: Contract,
        files: Sequence[DataFile],
        claim: StreamClaim,
        *,
        expected_seq: int,
    ) -> CommitResult:
        """See `Lake.commit_files`."""
        rows, failed = total(files)

        def plan(table: Table) -> Append[CommitResult] | CommitResult:
            check_version(table, contract)
            claims = read_claims(table.properties)
            if stream_is_in(claims, claim):
                return CommitResult("already", claims.ingest_seq, snapshot_id_of(table), 0, 0)
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

        return self._fence.commit(contract.identifier, plan)

    def batch(self, contract: Contract, rows: pa.Table, claim: BatchClaim) -> CommitResult:
        """See `Lake.commit_rows`."""
        counts = _rows_by_file(rows)
        failed = rows.num_rows - pc.struct_field(rows.column("_error"), "reason").null_count

        def plan(table: Table) -> Append[CommitResult] | CommitResult:
            check_version(table, contract)
            claims = read_claims(table.properties)
            done = self._already(contract, table, claims, claim)
            if done is not None:
                return done
            check_batch(claims, claim, contract.name)
            now = datetime.now(UTC)
            seq = claims.ingest_seq + (1 if rows.num_rows else 0)
            load = Load(claim.load_id, seq, rows.num_rows, failed)
            files, left = self._files.make_room(contract, claims, len(claim.files))
            files |= self._file_claims(contract, claims, claim, load, counts=counts, now=now)
            stamped = _stamp(rows, contract, seq, now)
            return Append(
                files=write_data_files(stamped, contract, table.location()),
                properties={**with_batch(claims, claim, load, files, left), SEQ: str(seq)},
                ingest_seq=seq,
                outcome=lambda snapshot: CommitResult(
                    "committed", seq, snapshot, rows.num_rows, failed
                ),
                rewritten=True,
            )

        result = self._fence.commit(contract.identifier, plan)
        if claim.files:
            failpoint("lake.before_register")
            self._register(contract, claim.files)
        return result

    def _already(
        self, contract: Contract, table: Table, claims: Claims, claim: BatchClaim
    ) -> CommitResult | None:
        """What to answer if the package, or every file of it, is in.

        Raises:
            StalePlan: Some of its files are in, so the package must be made without them.
        """
        snapshot = snapshot_id_of(table)
        load = find_load(claims, claim)
        if load is not None:
            return CommitResult("already", load.ingest_seq, snapshot, load.rows, load.failed)
        known = self._files.known(contract, claims, claim.files)
        if known and known == set(claim.files):
            return CommitResult("already", claims.ingest_seq, snapshot, 0, 0)
        if known:
            names = sorted(claim.files[digest] for digest in known)
            raise StalePlan(f"{contract.name}: loaded already: {', '.join(names)}")
        return None

    def _file_claims(
        self,
        contract: Contract,
        claims: Claims,
        claim: BatchClaim,
        load: Load,
        *,
        counts: Mapping[str, tuple[int, int]],
        now: datetime,
    ) -> dict[str, FileClaim]:
        before = self._files.superseded(contract, claims, claim.files.values())
        return {
            digest: FileClaim(
                name=name,
                load_id=load.load_id,
                ingest_seq=load.ingest_seq,
                rows=counts.get(name, (0, 0))[0],
                failed=counts.get(name, (0, 0))[1],
                loaded_at=now.isoformat(),
                supersedes=before.get(name),
            )
            for digest, name in claim.files.items()
        }

    def loaded_files(self, contract: Contract, digests: Iterable[str]) -> set[str]:
        """See `Lake.loaded_files`."""
        found = self._files.known(contract, self._tables.head(contract).claims, digests)
        self._register(contract, found)
        return found

    def _register(self, contract: Contract, digests: Iterable[str]) -> None:
        """Write files that the table itself still knows to `ops.file_registry`.

        Also done for files found loaded before, as the process that loaded them may have died in
        between.
        """
        claims = self._tables.head(contract).claims
        files = {digest: claims.files[digest] for digest in digests if digest in claims.files}
        self._files.register(contract, files)


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
