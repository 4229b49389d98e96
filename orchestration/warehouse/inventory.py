"""What a finished build holds: rows and columns by table, and rows by event date."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingestion.settings import Settings
from orchestration.warehouse import checksums
from orchestration.warehouse.duck import open_file

_TABLES = """
select schema_name, table_name, estimated_size from duckdb_tables()
where database_name = current_database()
"""
_COLUMNS = """
select schema_name, table_name, column_name, data_type from duckdb_columns()
where database_name = current_database() and not internal
order by schema_name, table_name, column_index
"""


@dataclass
class Table:
    """One table or view.

    Attributes:
        rows: None for a view.
        columns: Names and types, in order.
    """

    rows: int | None = None
    columns: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Day:
    """What stands under one date, in all tables that have dates.

    Attributes:
        rows: Rows.
        tables: Tables that changed under that date.
        changed: Rows more or less.
    """

    rows: int
    tables: int
    changed: int


def inventory(file: Path, settings: Settings) -> Mapping[tuple[str, str], Table]:
    """Every table and view of a build by schema and name; counts no rows, so it takes no time."""
    found: dict[tuple[str, str], Table] = {}
    with open_file(file, settings, read_only=True, lake=False) as connection:
        for schema, name, column, kind in connection.execute(_COLUMNS).fetchall():
            found.setdefault((schema, name), Table()).columns.append((column, kind))
        for schema, name, size in connection.execute(_TABLES).fetchall():
            found[schema, name].rows = size
        counted: dict[tuple[str, str], int] = {}
        for part, checksum in checksums.stored(connection).items():
            key = part.schema_name, part.table_name
            counted[key] = counted.get(key, 0) + checksum.row_count
    for key, rows in counted.items():
        found[key].rows = rows
    return found


def changed_days(old: Path | None, new: Path, settings: Settings) -> Mapping[str, Day]:
    """The dates under which anything differs between two builds; all dates if there is no old one.

    Returns:
        By date (ISO 8601), ascending.
    """
    before = _stored(old, settings) if old is not None else {}
    after = _stored(new, settings)
    rows: dict[str, int] = {}
    for part, checksum in after.items():
        if part.partition_date:
            rows[part.partition_date] = rows.get(part.partition_date, 0) + checksum.row_count
    days: dict[str, Day] = {}
    for part, (was, now) in checksums.differences(before, after).items():
        if part.partition_date:
            day = days.get(part.partition_date, Day(rows.get(part.partition_date, 0), 0, 0))
            change = now.row_count - was.row_count
            days[part.partition_date] = Day(day.rows, day.tables + 1, day.changed + change)
    return dict(sorted(days.items()))


def _stored(file: Path, settings: Settings) -> dict[checksums.Part, checksums.Checksum]:
    with open_file(file, settings, read_only=True, lake=False) as connection:
        return checksums.stored(connection)
