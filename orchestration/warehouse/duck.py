"""Opens warehouse files: for a builder, or read-only for everybody else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.duckdb import connect
from ingestion.settings import Settings


@contextmanager
def open_file(
    path: Path, settings: Settings, *, read_only: bool, lake: bool = True
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a warehouse file, and close it whatever happens.

    Args:
        path: The file.
        settings: Threads and memory.
        read_only: Open it for reading; many processes may do so at once.
        lake: Whether views over the lake will be read.

    Raises:
        AdxError: Another process has the file open for writing.
    """
    try:
        connection = connect(settings, path, read_only=read_only, lake=lake)
    except duckdb.IOException as error:
        if "lock" not in str(error).lower():
            raise
        raise AdxError(
            f"Another process has {path} open.",
            remedy="Close the program that has it open, or wait until it is done.",
            exit_code=ExitCode.BUSY,
        ) from error
    try:
        yield connection
    finally:
        connection.close()
