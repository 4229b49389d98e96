"""What the tests of vault macros share: batches of rows that a source delivers, as SQL."""

from collections.abc import Iterable, Sequence
from typing import Any

Row = tuple[Any, ...]


def literal(value: Any) -> str:
    """A value as SQL, the same on every engine."""
    if value is None:
        return "null"
    if isinstance(value, bool | int):
        return str(value).lower()
    return "'" + str(value).replace("'", "''") + "'"


def table_of(name: str, columns: str, rows: Iterable[Row]) -> list[str]:
    """Statements that make the table `name` hold exactly these rows."""
    values = ", ".join("(" + ", ".join(map(literal, row)) + ")" for row in rows)
    statements = [f"create or replace table {name} ({columns})"]
    return [*statements, f"insert into {name} values {values}"] if values else statements


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Rows in an order that depends on their content alone."""
    return sorted(rows, key=lambda values: tuple((v is not None, str(v)) for v in values))


def merged(batches: Sequence[list[Row]], size: int) -> list[list[Row]]:
    """The same rows in other windows: `size` batches at a time."""
    return [
        [row for batch in batches[at : at + size] for row in batch]
        for at in range(0, len(batches), size)
    ]
