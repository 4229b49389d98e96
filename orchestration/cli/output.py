"""What commands print: results to standard output, progress and remarks to standard error."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]


def remarks() -> "Console":
    """Console for progress and remarks, on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def results() -> "Console":
    """Console for what a command was asked for, on standard output."""
    from rich.console import Console

    return Console(highlight=False)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def print_json(value: object) -> None:
    """Print one JSON document: decimals as exact text, times in ISO 8601."""
    typer.echo(json.dumps(value, default=_plain, indent=2, ensure_ascii=False))


def print_table(
    title: str | None, columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: int = -1
) -> None:
    """Print a table.

    Args:
        title: Heading above it.
        columns: Column headings.
        rows: Cells; None shows as a dash.
        right: Index of the first right-aligned column (numbers stand at the end); -1 for none.
    """
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold", show_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if 0 <= right <= index else "left")
    for row in rows:
        table.add_row(*("–" if cell is None else str(cell) for cell in row))
    results().print(table)


def print_facts(title: str, facts: Mapping[str, Any]) -> None:
    """Print names and values, one a line."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False, show_edge=False, box=None)
    table.add_column(style="dim")
    table.add_column()
    for name, value in facts.items():
        table.add_row(name, "–" if value is None else str(value))
    results().print(table)
