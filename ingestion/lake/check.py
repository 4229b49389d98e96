"""Checks that the data files of a table are what was committed."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import DataFile as ManifestFile
from pyiceberg.table import StaticTable, Table

from ingestion.lake.durable import local_path
from ingestion.lake.files import expected_sha256


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
    table = StaticTable.from_metadata(metadata_location)
    files = list(_files(table))
    with ThreadPoolExecutor() as pool:
        problems = pool.map(_problem, files)
        return [
            FileProblem(name, file.file_path, problem)
            for file, problem in zip(files, problems, strict=True)
            if problem is not None
        ]


def _files(table: Table) -> Iterator[ManifestFile]:
    snapshot = table.current_snapshot()
    if snapshot is None:
        return
    io = PyArrowFileIO()
    for manifest in snapshot.manifests(io):
        for entry in manifest.fetch_manifest_entry(io, discard_deleted=True):
            yield entry.data_file


def _problem(file: ManifestFile) -> str | None:
    path = local_path(file.file_path)
    try:
        size = path.stat().st_size
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if size != file.file_size_in_bytes:
        return f"has {size} bytes, committed were {file.file_size_in_bytes}"
    if digest != expected_sha256(file.file_path):
        return "has another content than was committed"
    try:
        rows = pq.read_metadata(path).num_rows
    except pa.ArrowInvalid as error:
        return f"is no Parquet file: {error}"
    if rows != file.record_count:
        return f"has {rows} rows, committed were {file.record_count}"
    return None
