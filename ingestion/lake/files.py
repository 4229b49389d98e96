"""Writes data files of a raw table; needs no catalog, so Spark executors can do it.

A file holds rows of one partition date (failed events have none: the null partition), carries the
field ids of its table, and is named `<random>-<sha256 of its bytes>.parquet`: the manifest that
lists it thereby also says what it must contain, and a changed file gives itself away.
"""

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.contracts import Contract
from ingestion.contracts.schema import partition_column
from ingestion.failpoints import failpoint
from ingestion.lake.columns import leaf_names, personal_columns, raw_file_schema
from ingestion.lake.problems import storage_errors
from ingestion.lake.storage import join, storage_of

_ROW_GROUP_ROWS: Final = 262_144
_FEW_DATES: Final = 8
"""Up to here one filter a date is faster than one sort (100,000 rows, 4 dates: 52 and 110 ms)."""
NULL_PARTITION: Final = "__HIVE_DEFAULT_PARTITION__"
"""Folder of rows without a date, as every Parquet reader that knows Hive folders expects it."""


@dataclass(frozen=True)
class DataFile:
    """What a commit needs to know of a data file; plain values, so that it travels as JSON.

    Attributes:
        path: Full location of the file.
        partition_date: ISO date of all its rows; None for failed events.
        rows: Rows in the file, good and failed.
        failed: Rows with an `_error`.
        bytes: Size of the file.
    """

    path: str
    partition_date: str | None
    rows: int
    failed: int
    bytes: int

    def to_dict(self) -> dict[str, Any]:
        """The descriptor as a JSON object."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "DataFile":
        """Read what `to_dict` gave."""
        return cls(**values)


def write_data_files(rows: pa.Table, contract: Contract, location: str) -> list[DataFile]:
    """Write rows as data files of a raw table; they count only once a commit lists them.

    Args:
        rows: Rows in the raw schema of the contract, `_ingest_seq` and `_loaded_at` stamped.
        contract: The contract of the table.
        location: Location of the table (`Lake.location`).

    Returns:
        One descriptor a file, ordered by date, the null partition first; none for no rows. All
        files are on disk under their final names.

    Raises:
        AdxError: The folder cannot be written or the disk is full.
        ValueError: The rows are not in the raw schema.
    """
    schema = raw_file_schema(contract)
    if not rows.schema.equals(schema):
        raise ValueError(f"{contract.name}: rows are not in the raw schema:\n{rows.schema}")
    statistics = leaf_names(schema, frozenset(personal_columns(contract)))
    column = partition_column(contract)
    with storage_errors(location):
        return [
            _write(part.cast(schema), day, statistics, join(location, "data"), column)
            for day, part in _by_date(rows, column)
        ]


def _by_date(rows: pa.Table, column: str) -> Iterator[tuple[date | None, pa.Table]]:
    """Split rows by date, keeping their order within a date."""
    days = rows.column(column).combine_chunks()
    counts = pc.value_counts(days)
    found = zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True)
    parts = sorted(found, key=lambda item: item[0] or date.min)
    if len(parts) <= _FEW_DATES:
        for day, count in parts:
            of_day = pc.is_null(days) if day is None else pc.equal(days, day)
            yield day, rows if count == rows.num_rows else rows.filter(of_day)
        return
    rows = rows.take(pc.array_sort_indices(days, null_placement="at_start"))
    start = 0
    for day, count in parts:
        yield day, rows.slice(start, count)
        start += count


def _write(
    rows: pa.Table, day: date | None, statistics: list[str], folder: str, column: str
) -> DataFile:
    text = day.isoformat() if day is not None else None
    path, size = write_parquet(rows, join(folder, f"{column}={text or NULL_PARTITION}"), statistics)
    failed = rows.num_rows - pc.struct_field(rows.column("_error"), "reason").null_count
    return DataFile(path, text, rows.num_rows, failed, size)


def write_parquet(rows: pa.Table, folder: str, statistics: list[str] | bool) -> tuple[str, int]:
    """Write one Parquet file whose name carries the hash of its bytes.

    Args:
        rows: Rows with Iceberg field ids in their schema.
        folder: Location of the folder it goes to.
        statistics: Columns that have statistics, or True for all.

    Returns:
        Its location and its size.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(
        rows,
        sink,
        compression="zstd",
        write_statistics=statistics,
        row_group_size=_ROW_GROUP_ROWS,
        store_schema=False,
        coerce_timestamps="us",
    )
    content = memoryview(sink.getvalue())
    digest = hashlib.sha256(content).hexdigest()
    location = join(folder, f"{uuid.uuid4().hex[:16]}-{digest}.parquet")
    storage_of(location).write(
        location, content, before_visible=lambda: failpoint("lake.before_rename")
    )
    return location, len(content)


def expected_sha256(path: str) -> str:
    """The hash that a data file must have, from its name.

    Raises:
        ValueError: The name has no hash.
    """
    stem = Path(path).stem
    _, separator, digest = stem.rpartition("-")
    if not separator or len(digest) != 64:
        raise ValueError(f"{path} does not carry the hash of its content in its name")
    return digest


def total(files: Sequence[DataFile]) -> tuple[int, int]:
    """Rows and failed rows of some files."""
    return sum(file.rows for file in files), sum(file.failed for file in files)
