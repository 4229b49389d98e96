"""What commands print: results to standard output, progress and remarks to standard error."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from orchestration.warehouse.query import Answer

_FILE_WIDTH = 160
"""Columns of a table that goes to a file or a pipe, whose reader can scroll."""

_TABLE_ROWS = 100
"""Most rows of a table, unless the command says another number."""

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def form_of(output: Format, limit: int | None, *, as_json: bool) -> tuple[Format, int | None]:
    """How rows are printed, and how many of them: in a table 100 unless told."""
    kind = Format.JSON if as_json else output
    return kind, limit if limit is not None or kind is not Format.TABLE else _TABLE_ROWS


def remarks() -> "Console":
    """Console for progress and remarks, on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def results() -> "Console":
    """Console for what a command was asked for, on standard output."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _FILE_WIDTH
    return console


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
    title: str | None,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: int | None = None,
    grouped: bool = False,
) -> None:
    """Print a table.

    Args:
        title: Heading above it.
        columns: Column headings.
        rows: Cells; None shows as a dash.
        right: Index of the first right-aligned column, as numbers stand at the end.
        grouped: Write integers with separators between thousands.
    """
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    def text(cell: object) -> str:
        if cell is None:
            return "–"
        if grouped and isinstance(cell, int) and not isinstance(cell, bool):
            return f"{cell:,}"
        return escape(str(cell))

    heading = None if title is None else f"[bold]{escape(title)}[/]"
    table = Table(
        title=heading, title_justify="left", title_style="", box=SIMPLE_HEAD, pad_edge=False
    )
    for index, column in enumerate(columns):
        number = right is not None and index >= right
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(text(cell) for cell in row))
    results().print(table)


def print_facts(title: str, facts: Mapping[str, Any]) -> None:
    """Print names and values, one a line."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title=f"[bold]{title}[/]",
        title_justify="left",
        title_style="",
        show_header=False,
        box=None,
    )
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), "–" if value is None else escape(str(value)))
    results().print(table)


def print_answer(answer: "Answer", kind: Format) -> None:
    """Print the rows of a query, and say if there are more."""
    import csv

    if kind is Format.JSON:
        print_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
    elif kind is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.columns)
        writer.writerows(answer.rows)
    else:
        print_table(None, answer.columns, answer.rows)
    if answer.truncated:
        remarks().print(f"first {len(answer.rows)} rows; --limit shows more")
