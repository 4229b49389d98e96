"""Rows in one form, whichever engine they come from, and what differs between two tables.

decimal     with nine decimals             timestamp   UTC, with microseconds
hash        32 hex digits (DuckDB: UUID)   list        a missing one is an empty one
struct      members by name                the rest    as Python has it
"""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

Row = tuple[Any, ...]

_NINE_DECIMALS = Decimal("0.000000001")
_SHOWN = 2


@dataclass(frozen=True)
class Table:
    """A table's columns in their order, and its rows in canonical form."""

    columns: tuple[str, ...]
    rows: Counter[Row]

    @classmethod
    def of(
        cls,
        columns: Sequence[str],
        rows: Iterable[Mapping[str, Any]],
        lists: Iterable[str] = (),
    ) -> "Table":
        """Rows by column name; `lists` are the columns in which nothing means an empty list."""
        empty = dict.fromkeys(lists, ())
        return cls(
            tuple(columns),
            Counter(
                tuple(
                    empty.get(name) if row[name] is None else canonical(row[name])
                    for name in columns
                )
                for row in rows
            ),
        )


def canonical(value: Any) -> Any:
    """One value in the form that all engines share; hashable."""
    for kind, form in _FORMS.items():
        if isinstance(value, kind):
            return form(value)
    return value


def _decimal(value: Decimal) -> str:
    with localcontext(prec=60):
        return format(value.quantize(_NINE_DECIMALS), "f")


def _timestamp(value: dt.datetime) -> str:
    aware = value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    return aware.isoformat(timespec="microseconds")


def _tuple(values: Iterable[Any]) -> Row:
    return tuple(canonical(value) for value in values)


_FORMS: dict[type, Callable[[Any], Any]] = {
    # 1, 1.0 and True are equal to Python, and three things to a warehouse.
    bool: lambda value: ("bool", value),
    float: lambda value: ("float", repr(value)),
    uuid.UUID: lambda value: value.hex,
    Decimal: _decimal,
    dt.datetime: _timestamp,
    dt.date: dt.date.isoformat,
    dict: lambda value: tuple((name, canonical(member)) for name, member in value.items()),
    list: _tuple,
    tuple: _tuple,
}
"""By type; a datetime is a date as well, so it comes first."""


def difference(expected: Table, found: Table) -> str | None:
    """The first differences in words; None where the tables are the same."""
    if expected.columns != found.columns:
        missing = [name for name in expected.columns if name not in found.columns]
        more = [name for name in found.columns if name not in expected.columns]
        if not missing and not more:
            return f"columns in another order: {', '.join(found.columns)}"
        return f"columns missing: {', '.join(missing) or '-'}; more: {', '.join(more) or '-'}"
    missing_rows = expected.rows - found.rows
    more_rows = found.rows - expected.rows
    if not missing_rows and not more_rows:
        return None
    counts = f"{expected.rows.total()} rows expected, {found.rows.total()} found"
    parts = [f"{counts}, {missing_rows.total()} differ"]
    for row in sorted(missing_rows, key=repr)[:_SHOWN]:
        nearest = max(more_rows, key=lambda other: _alike(row, other), default=None)
        if nearest is None or 2 * _alike(row, nearest) < len(row):
            parts.append(f"missing: {_shown(expected.columns, row)}")
            continue
        members = [
            f"{name} {wanted!r} -> {got!r}"
            for name, wanted, got in zip(expected.columns, row, nearest, strict=True)
            if wanted != got
        ]
        parts.append(f"{_shown(expected.columns[:2], row[:2])}: {', '.join(members)}")
    if not missing_rows:
        row = min(more_rows, key=repr)
        parts.append(f"not expected: {_shown(expected.columns, row)}")
    return "; ".join(parts)


def _alike(row: Row, other: Row) -> int:
    return sum(a == b for a, b in zip(row, other, strict=True))


def _shown(columns: Sequence[str], row: Row) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in zip(columns, row, strict=True))
