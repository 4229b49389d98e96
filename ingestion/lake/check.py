"""Checks that the data files of a table are what was committed."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.manifest import DataFile as ManifestFile
from pyiceberg.table import StaticTable, Table

from ingestion.lake.fileio import io_properties
from ingestion.lake.files import expected_sha256
from ingestion.lake.storage import side_by_side, storage_of

_AT_ONCE: Final = 8


@dataclass(frozen=True)
class FileProblem:
    """A data file that is not what was committed.

    Attributes:
        table: `<namespace>.<table>`.
        path: The file.
        problem: What is wrong with it.
    """

    table: str
    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.table}: {self.path} {self.problem}"


def check_table(name: str, metadata_location: str) -> list[FileProblem]:
    """Read every data file of one exact state of a table and compare it with its commit.

    Size and row count stand in the manifest, the hash of the content in the file's name, which
    stands in the manifest too.
    """
    table = StaticTable.from_metadata(metadata_location, io_properties())
    files = list(_files(table))
    problems = side_by_side(_problem, files, most=_AT_ONCE)
    return [
        FileProblem(name, file.file_path, problem)
        for file, problem in zip(files, problems, strict=True)
        if problem is not None
    ]


def _files(table: Table) -> Iterator[ManifestFile]:
    snapshot = table.current_snapshot()
    if snapshot is None:
        return
    for manifest in snapshot.manifests(table.io):
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
            yield entry.data_file


def _problem(file: ManifestFile) -> str | None:
    location = file.file_path
    try:
        content = storage_of(location).read(location)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if len(content) != file.file_size_in_bytes:
        return f"has {len(content)} bytes, committed were {file.file_size_in_bytes}"
    if hashlib.sha256(content).hexdigest() != expected_sha256(location):
        return "has another content than was committed"
    try:
        rows = pq.read_metadata(pa.BufferReader(content)).num_rows
    except pa.ArrowInvalid as error:
        return f"is no Parquet file: {error}"
    if rows != file.record_count:
        return f"has {rows} rows, committed were {file.record_count}"
    return None
