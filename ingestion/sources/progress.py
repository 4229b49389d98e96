"""A progress bar on standard error, where there is a terminal to show it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Advance = Callable[[str], None]
"""Say what is being worked on, and that the step before is done."""


@contextmanager
def progress(source: str, total: int | None, unit: str) -> Iterator[Advance]:
    """Show a bar for a block.

    Args:
        source: What is being landed.
        total: How many steps there are; None if that shows only at the end.
        unit: What a step is, in the plural.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(source, total=total)

        def advance(name: str) -> None:
            bar.update(task, advance=1, description=f"{source} {name}")

        yield advance
