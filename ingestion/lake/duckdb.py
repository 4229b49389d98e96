"""DuckDB over the lake: connections that can read Iceberg without a network, and the SQL of views.

The extensions come as Python packages. `connect` loads them straight from there; a program that
can only load extensions by name (dbt) gets a folder laid out as DuckDB expects it, through
`extension_folder` and the connection option `extension_directory`.
"""

import json
import os
from pathlib import Path
from typing import Final, Literal

import duckdb
import pyarrow as pa

from ingestion.contracts import Contract, raw_schema
from ingestion.duckdb_extensions import extension_file
from ingestion.lake.durable import local_path, make_folder
from ingestion.lake.ops import OPS_TABLES
from ingestion.settings import Settings

EXTENSIONS: Final = ("avro", "iceberg")
"""In loading order: iceberg reads its manifests with avro."""

SESSION: Final = {
    "TimeZone": "UTC",
    "default_null_order": "nulls_first_on_asc_last_on_desc",
    "ieee_floating_point_ops": "false",
}
"""Settings under which DuckDB gives what BigQuery gives; dbt's profile has the same."""

Rows = Literal["all", "good", "failed"]

_TYPES: Final = {
    pa.string(): "varchar",
    pa.int64(): "bigint",
    pa.int32(): "integer",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us", tz="UTC"): "timestamp with time zone",
}


def connect(
    settings: Settings, database: Path | None = None, *, read_only: bool = False
) -> duckdb.DuckDBPyConnection:
    """Open DuckDB, able to read the lake.

    Args:
        settings: Threads and memory.
        database: Database file; None for one in memory.
        read_only: Open the file for reading; many processes may do so at once.

    Raises:
        AdxError: An extension package is missing.
    """
    connection = duckdb.connect(
        ":memory:" if database is None else str(database), read_only=read_only
    )
    for name in EXTENSIONS:
        connection.execute(f"load {_text(str(extension_file(name)))}")
    session = SESSION | {
        "threads": str(settings.duckdb_threads),
        "memory_limit": settings.duckdb_memory,
    }
    for setting, value in session.items():
        connection.execute(f"set {setting} = {_text(value)}")
    return connection


def extension_folder(settings: Settings) -> Path:
    """A folder from which DuckDB loads the extensions by name, without a network.

    In a dbt profile: `config_options: {extension_directory: <it>}`, `extensions: [avro, iceberg]`.
    """
    folder = settings.home / "duckdb" / "extensions"
    platform = duckdb.execute("pragma platform").fetchone()
    inner = folder / f"v{duckdb.__version__}" / str(platform[0] if platform else "")
    make_folder(inner)
    for name in EXTENSIONS:
        source = extension_file(name)
        link = inner / source.name
        if not link.is_symlink() or link.readlink() != source:
            fresh = inner / f".{source.name}.{os.getpid()}"
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(source)
            fresh.rename(link)
    return folder


def relation_sql(contract: Contract, metadata_location: str, rows: Rows = "all") -> str:
    """A SELECT over one exact state of a raw table, columns in the order of the raw schema.

    Args:
        contract: Contract of the table.
        metadata_location: The exact metadata file, from a pin or a head.
        rows: All rows, those that passed the contract, or those that failed.
    """
    condition = {
        "all": "",
        "good": " where _error.reason is null",
        "failed": " where _error.reason is not null",
    }[rows]
    return _select(raw_schema(contract), metadata_location, condition)


def ops_relation_sql(table: str, metadata_location: str) -> str:
    """A SELECT over one exact state of an `ops` table."""
    return _select(OPS_TABLES[table].schema, metadata_location, "")


def _select(schema: pa.Schema, metadata_location: str, condition: str) -> str:
    if _has_snapshot(metadata_location):
        columns = ", ".join(_name(column.name) for column in schema)
        return f"select {columns} from iceberg_scan({_text(metadata_location)}){condition}"
    nulls = ", ".join(
        f"cast(null as {_type(column.type)}) as {_name(column.name)}" for column in schema
    )
    return f"select {nulls} where false"


def _has_snapshot(metadata_location: str) -> bool:
    """DuckDB cannot scan a table that was never committed to."""
    metadata = json.loads(local_path(metadata_location).read_bytes())
    return metadata.get("current-snapshot-id") not in (None, -1)


def _type(kind: pa.DataType) -> str:
    if pa.types.is_struct(kind):
        members = ", ".join(f"{_name(child.name)} {_type(child.type)}" for child in kind)
        return f"struct({members})"
    if pa.types.is_list(kind):
        return f"{_type(kind.value_type)}[]"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    return _TYPES[kind]


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
