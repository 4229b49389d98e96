"""DuckDB over the lake: connections that can read Iceberg without a network, and the SQL of views.

The extensions come as Python packages. `connect` loads them straight from there; a program that
can only load extensions by name (dbt) gets a folder laid out as DuckDB expects it, through
`extension_folder` and the connection option `extension_directory`.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa

from ingestion.contracts import Contract, raw_schema
from ingestion.contracts.schema import failed_condition
from ingestion.duckdb_extensions import extension_file
from ingestion.lake.durable import make_folder
from ingestion.lake.ops import OPS_TABLES
from ingestion.lake.projection import columns_of, projection
from ingestion.lake.storage import storage_of, uses_s3
from ingestion.settings import Settings

_EXTENSIONS: Final = ("avro", "iceberg")
_REMOTE_EXTENSIONS: Final = ("httpfs", *_EXTENSIONS)

SESSION: Final = {
    "TimeZone": "UTC",
    "default_null_order": "nulls_first_on_asc_last_on_desc",
    "ieee_floating_point_ops": "false",
}
"""Settings under which DuckDB gives what BigQuery gives; dbt's profile has the same."""

Rows = Literal["all", "good", "failed"]


def connect(
    settings: Settings,
    database: Path | None = None,
    *,
    read_only: bool = False,
    lake: bool = True,
) -> duckdb.DuckDBPyConnection:
    """Open DuckDB, able to read the lake.

    Args:
        settings: Threads and memory.
        database: Database file; None for one in memory.
        read_only: Open the file for reading; many processes may do so at once.
        lake: Whether the lake will be read; a process's first connection to it takes 0.3 s longer.

    Raises:
        AdxError: An extension package is missing.
    """
    files = _checked(extensions(settings)) if lake else ()
    connection = duckdb.connect(
        ":memory:" if database is None else str(database),
        read_only=read_only,
        config={"allow_unsigned_extensions": "true"},
    )
    for file in files:
        connection.execute(f"load {_text(str(file))}")
    connection.execute("set allow_unsigned_extensions = false")
    if lake:
        prepare(connection, settings)
    session = SESSION | {
        "threads": str(settings.duckdb_threads),
        "memory_limit": settings.duckdb_memory,
    }
    for setting, value in session.items():
        connection.execute(f"set {setting} = {_text(value)}")
    return connection


@cache
def _checked(names: tuple[str, ...]) -> tuple[Path, ...]:
    """The files of extensions whose signatures DuckDB has checked, once in a process.

    DuckDB hashes 60 MB for it, in each connection anew: 0.25 s of CPU, four times a build.
    """
    files = tuple(extension_file(name) for name in names)
    with duckdb.connect(":memory:") as connection:
        for file in files:
            connection.execute(f"load {_text(str(file))}")
    return files


def extensions(settings: Settings) -> tuple[str, ...]:
    """The extensions that reading the lake needs, in loading order.

    iceberg reads its manifests with avro, and files of a bucket with httpfs.
    """
    return _REMOTE_EXTENSIONS if uses_s3(settings) else _EXTENSIONS


def prepare(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Let a connection that has its extensions reach the lake.

    The secret of a bucket lives in this process alone: nothing of it goes into a database file.

    Raises:
        AdxError: The lake is in a bucket and the environment has no credentials for it.
    """
    if not uses_s3(settings):
        return
    from ingestion.lake.s3 import s3_access  # noqa: PLC0415 - a local lake need not pay for boto3

    access = s3_access()
    values = {"key_id": access.key_id, "secret": access.secret, "region": access.region}
    if access.token is not None:
        values["session_token"] = access.token
    if access.endpoint is not None:
        url = urlsplit(access.endpoint)
        values |= {"endpoint": url.netloc, "url_style": "path"}
        values["use_ssl"] = "true" if url.scheme == "https" else "false"
    options = ", ".join(f"{name} {_text(value)}" for name, value in values.items())
    connection.execute(f"create or replace temporary secret lake (type s3, {options})")


def extension_folder(settings: Settings) -> Path:
    """A folder from which DuckDB loads the extensions by name, without a network.

    In a dbt profile: `config_options: {extension_directory: <it>}`, `extensions: [avro, iceberg]`.
    """
    folder = settings.home / "duckdb" / "extensions"
    platform = duckdb.execute("pragma platform").fetchone()
    inner = folder / f"v{duckdb.__version__}" / str(platform[0] if platform else "")
    make_folder(inner)
    for name in extensions(settings):
        source = extension_file(name)
        link = inner / source.name
        if not link.is_symlink() or link.readlink() != source:
            fresh = inner / f".{source.name}.{os.getpid()}"
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(source)
            fresh.rename(link)
    return folder


def relation_sql(contract: Contract, metadata_location: str | None, rows: Rows = "all") -> str:
    """A SELECT over one exact state of a raw table, columns in the order of the raw schema.

    A state from before an upgrade lacks the newest columns: they are null.

    Args:
        contract: Contract of the table.
        metadata_location: The exact metadata file, from a pin or a head; None: before the table.
        rows: All rows, those that passed the contract, or those that failed.
    """
    condition = {
        "all": "",
        "good": " where _error.reason is null",
        "failed": f" where {failed_condition(contract)}",
    }[rows]
    return _select(raw_schema(contract), metadata_location, condition)


def ops_relation_sql(table: str, metadata_location: str | None) -> str:
    """A SELECT over one exact state of an `ops` table; None: before there was any."""
    return _select(OPS_TABLES[table].schema, metadata_location, "")


def _select(schema: pa.Schema, metadata_location: str | None, condition: str) -> str:
    if metadata_location is None:
        return _no_rows(schema)
    metadata = json.loads(storage_of(metadata_location).read(metadata_location))
    # DuckDB cannot scan a table that was never committed to.
    if metadata.get("current-snapshot-id") in (None, -1):
        return _no_rows(schema)
    columns = projection(schema, columns_of(metadata))
    return f"select {columns} from iceberg_scan({_text(metadata_location)}){condition}"


def _no_rows(schema: pa.Schema) -> str:
    return f"select {projection(schema, {})} where false"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
