"""Compaction: many small files of one partition become one, and nothing else changes.

A row keeps every value, `_ingest_seq` and the position in its source included, so that a window of
commits holds the same rows before and after. The commit changes neither the claims nor the number
of commits of a table: for a pin it is no news. Files of commits that have not been published yet
are left alone, because the next build reads exactly those.

Written files are read again and compared with the files that they stand for, before the commit.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan, schema_to_pyarrow
from pyiceberg.manifest import DataFile as ManifestFile
from pyiceberg.manifest import DataFileContent
from pyiceberg.table import FileScanTask, Table

from ingestion.errors import AdxError
from ingestion.failpoints import failpoint
from ingestion.lake.columns import leaf_names
from ingestion.lake.fence import Append, Fence
from ingestion.lake.files import NULL_PARTITION, DataFile, write_parquet
from ingestion.lake.manifest import iso_date, long_bound, manifest_entries
from ingestion.lake.storage import join, storage_of
from ingestion.lake.upkeep.tables import LakeTable

COMPACTION: Final = "adx.compaction"
"""In the summary of a snapshot: how many files became how many. Its commit adds no row."""

TARGET_BYTES: Final = 64 * 1024**2
"""What a file grows to. Its rows are held in memory, about ten times that."""
MIN_FILES: Final = 5
"""Fewer files are not worth a rewrite: each day would write the same rows again."""
_SMALL: Final = 0.75
"""A file of this part of the target is big enough."""


@dataclass(frozen=True)
class Compaction:
    """What compacting a table did, or would do.

    Attributes:
        table: `<source>.<table>`, or `ops.<table>`.
        files_before: Data files of the table before.
        files_after: Data files after.
        bytes_before: Their bytes before.
        bytes_after: Their bytes after; None where it was only planned.
        rows: Rows of the files that were rewritten.
        is_done: Whether it was done; otherwise it was only planned, there was nothing to do, or
            somebody else has rewritten the same files meanwhile.
    """

    table: str
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int | None
    rows: int
    is_done: bool


@dataclass(frozen=True)
class Rows:
    """What rows are, whatever their order: how many, and the sum of their hashes."""

    count: int
    checksum: int


def compact_table(
    lake_table: LakeTable,
    catalog: Catalog,
    fence: Fence,
    *,
    up_to: int | None,
    target_bytes: int = TARGET_BYTES,
    min_files: int = MIN_FILES,
    check: bool = False,
) -> Compaction:
    """Rewrite the small files of a table, one commit for all of them.

    Args:
        lake_table: The table.
        catalog: Its catalog.
        fence: Commits to it.
        up_to: The newest `_ingest_seq` that may be rewritten; None for a table without.
        target_bytes: What a file grows to.
        min_files: The fewest files that are worth a rewrite.
        check: Only say what would be done.

    Raises:
        AdxError: A file that was written does not hold the rows that it stands for.
    """
    table = lake_table.load(catalog)
    files = list(data_files(table))
    groups = plan_groups(table, files, up_to=up_to, target_bytes=target_bytes, min_files=min_files)
    size = sum(file.file_size_in_bytes for file in files)
    planned = Compaction(
        table=lake_table.name,
        files_before=len(files),
        files_after=len(files) - sum(len(group) - 1 for group in groups),
        bytes_before=size,
        bytes_after=None if groups else size,
        rows=sum(file.record_count for group in groups for file in group),
        is_done=False,
    )
    if check or not groups:
        return planned
    written = [_rewrite(lake_table, table, group) for group in groups]
    failpoint("compact.before_commit")
    sources = {file.file_path for group in groups for file in group}

    def plan(now: Table) -> Append[bool] | bool:
        live = [file for file in data_files(now) if file.file_path in sources]
        if len(live) < len(sources):
            return False
        return Append(
            files=written,
            properties={},
            ingest_seq=None,
            outcome=lambda _: True,
            replaced=live,
            summary={COMPACTION: f"{len(sources)} files to {len(written)}"},
        )

    if not fence.commit(lake_table.identifier, plan):
        # Another compaction was quicker; nobody has seen these.
        for file in written:
            storage_of(file.path).delete(file.path)
        return Compaction(lake_table.name, len(files), len(files), size, size, 0, is_done=False)
    replaced = sum(file.file_size_in_bytes for group in groups for file in group)
    return Compaction(
        table=lake_table.name,
        files_before=len(files),
        files_after=planned.files_after,
        bytes_before=size,
        bytes_after=size - replaced + sum(file.bytes for file in written),
        rows=planned.rows,
        is_done=True,
    )


def data_files(table: Table) -> Iterator[ManifestFile]:
    """The data files of a table, as its manifests have them."""
    snapshot = table.current_snapshot()
    if snapshot is None:
        return
    for manifest in snapshot.manifests(table.io):
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
            if entry.data_file.content == DataFileContent.DATA:
                yield entry.data_file


def plan_groups(
    table: Table,
    files: Iterable[ManifestFile],
    *,
    up_to: int | None,
    target_bytes: int,
    min_files: int,
) -> list[list[ManifestFile]]:
    """Which files become one: small ones of one partition, neighbours in the order of commits."""
    seq = table.schema().find_field("_ingest_seq").field_id if up_to is not None else None
    partitions: dict[Any, list[tuple[int, ManifestFile]]] = {}
    for file in files:
        first, last = (
            (long_bound(file.lower_bounds[seq]), long_bound(file.upper_bounds[seq]))
            if seq is not None
            else (0, 0)
        )
        if file.file_size_in_bytes < _SMALL * target_bytes and last <= (up_to or 0):
            day = file.partition[0] if table.spec().fields else None
            partitions.setdefault(day, []).append((first, file))
    groups = []
    for _, found in sorted(partitions.items(), key=lambda item: (item[0] is not None, item[0])):
        group: list[ManifestFile] = []
        room = target_bytes
        for _, file in sorted(found, key=lambda item: (item[0], item[1].file_path)):
            if group and file.file_size_in_bytes > room:
                groups.append(group)
                group, room = [], target_bytes
            group.append(file)
            room -= file.file_size_in_bytes
        groups.append(group)
    return [group for group in groups if len(group) >= min_files]


def _rewrite(lake_table: LakeTable, table: Table, group: Sequence[ManifestFile]) -> DataFile:
    """Write the rows of some files as one, read it again, and compare."""
    schema = schema_to_pyarrow(table.schema(), include_field_ids=True)
    rows = _read(table, group)
    expected = rows_of(rows)
    in_order = rows.sort_by([(column, "ascending") for column in lake_table.order])
    partition, day = "", None
    if table.spec().fields:
        day = iso_date(group[0].partition[0])
        partition = f"/{table.spec().fields[0].name}={day or NULL_PARTITION}"
    folder = f"{join(table.location(), 'data')}{partition}"
    path, size = write_parquet(
        in_order.cast(schema), folder, leaf_names(schema, lake_table.personal)
    )
    failed = 0
    if lake_table.is_raw:
        failed = rows.num_rows - pc.struct_field(rows.column("_error"), "reason").null_count
    written = DataFile(path, day, rows.num_rows, failed, size)
    failpoint("compact.after_file")
    (entry,) = manifest_entries(table, [written], None)
    content = _read(table, [entry])
    found = rows_of(content)
    committed = sum(file.record_count for file in group)
    # The hashes take no notice of order, the comparison tells a null from a struct of nulls.
    is_same = found == expected and content.equals(in_order)
    if not is_same or found.count != committed:
        storage_of(path).delete(path)
        raise AdxError(
            f"{lake_table.name}: {len(group)} files of {day or 'no date'} hold {committed} rows "
            f"(checksum {expected.checksum}), the file that was to replace them {found.count} "
            f"(checksum {found.checksum}); nothing was changed.",
            remedy="Run `adx reconcile`: it reads every file and names one that is damaged.",
        )
    return written


def _read(table: Table, files: Iterable[ManifestFile]) -> pa.Table:
    """The rows of some files in the columns that the table has now."""
    scan = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue())
    return scan.to_table([FileScanTask(file) for file in files])


def rows_of(rows: pa.Table) -> Rows:
    """How many rows there are, and the sum of their hashes over all columns."""
    columns = ", ".join('"' + name.replace('"', '""') + '"' for name in rows.schema.names)
    with duckdb.connect(":memory:") as connection:
        connection.register("content", rows)
        found = connection.execute(
            f"select count(*), coalesce(sum(hash({columns})::hugeint), 0) from content"
        ).fetchone()
    return Rows(*found) if found is not None else Rows(0, 0)
