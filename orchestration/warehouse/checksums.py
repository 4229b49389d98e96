"""Row counts and order-independent checksums of the tables of a warehouse file.

A build ends by writing them to `meta.table_checksums`; `adx reconcile` computes them again, so that
a row that was changed, added or removed afterwards is found, with its table and date. Two builds of
the same rows have the same checksums in whatever order the rows were written.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

CHECKED_SCHEMAS = (
    "raw_vault",
    "business_vault",
    "core",
    "analytics",
    "finance",
    "utilities",
)
"""Schemas whose tables a build owns; staging holds one window and is nobody's truth."""

_DATES = ("event_date", "advertiser_date", "report_date")

TABLE = """
create or replace table meta.table_checksums (
    schema_name varchar not null,
    table_name varchar not null,
    partition_date date,
    row_count bigint not null,
    checksum varchar not null
)
"""


@dataclass(frozen=True, order=True)
class Part:
    """A table, or the rows of one date of it."""

    schema_name: str
    table_name: str
    partition_date: str | None

    def __str__(self) -> str:
        where = f" of {self.partition_date}" if self.partition_date else ""
        return f"{self.schema_name}.{self.table_name}{where}"


@dataclass(frozen=True)
class Checksum:
    """Rows of a part, and the sum of their hashes."""

    row_count: int
    checksum: str


def tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str | None]]:
    """Schema, name and date column (if it has one) of every table that is checked."""
    rows = connection.execute(
        """
        select tables.schema_name, tables.table_name, list(columns.column_name)
        from duckdb_tables() as tables
        join duckdb_columns() as columns using (database_name, schema_name, table_name)
        where list_contains(?, tables.schema_name) and database_name = current_database()
        group by all
        order by all
        """,
        [list(CHECKED_SCHEMAS)],
    ).fetchall()
    return [
        (schema, table, next((name for name in _DATES if name in columns), None))
        for schema, table, columns in rows
    ]


def _statement(schema: str, table: str, date_column: str | None) -> str:
    partition = f'"{date_column}"::date' if date_column else "null::date"
    # The sum of 64-bit hashes fits 128 bits for any number of rows, and counts equal rows.
    return (
        f"select '{schema}', '{table}', {partition}, count(*), "
        f"coalesce(sum(hash(checked)::hugeint), 0)::varchar "
        f'from "{schema}"."{table}" as checked group by 3'
    )


def store(connection: duckdb.DuckDBPyConnection) -> None:
    """Write the checksums of all tables to `meta.table_checksums`."""
    connection.execute("create schema if not exists meta")
    connection.execute(TABLE)
    for schema, table, date_column in tables(connection):
        connection.execute(
            f"insert into meta.table_checksums {_statement(schema, table, date_column)}"
        )


def _parts(rows: list[tuple[object, ...]]) -> Iterator[tuple[Part, Checksum]]:
    for schema, table, day, count, checksum in rows:
        part = Part(str(schema), str(table), None if day is None else str(day))
        yield part, Checksum(int(str(count)), str(checksum))


def stored(connection: duckdb.DuckDBPyConnection) -> dict[Part, Checksum]:
    """The checksums that the build wrote."""
    return dict(_parts(connection.execute("from meta.table_checksums").fetchall()))


def computed(connection: duckdb.DuckDBPyConnection) -> dict[Part, Checksum]:
    """The checksums of the rows as they are now."""
    found: dict[Part, Checksum] = {}
    for schema, table, date_column in tables(connection):
        found.update(_parts(connection.execute(_statement(schema, table, date_column)).fetchall()))
    return found


def differences(
    expected: dict[Part, Checksum], found: dict[Part, Checksum]
) -> dict[Part, tuple[Checksum, Checksum]]:
    """Parts that are not the same on both sides, with both checksums."""
    nothing = Checksum(0, "0")
    return {
        part: (expected.get(part, nothing), found.get(part, nothing))
        for part in sorted(
            expected.keys() | found.keys(),
            key=lambda part: (part.schema_name, part.table_name, part.partition_date or ""),
        )
        if expected.get(part, nothing) != found.get(part, nothing)
    }
