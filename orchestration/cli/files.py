"""`adx files`: dropped files that are not in the lake yet, and the way back of failed ones."""

from enum import StrEnum
from typing import Annotated

import typer

from orchestration.cli.output import JsonFlag, print_json, print_table

app = typer.Typer(
    help="Dropped files that wait, are taken or have failed: list them, retry them.",
    no_args_is_help=True,
)


class Source(StrEnum):
    """A source of files."""

    ADSERVER = "adserver"
    EXCHANGE = "exchange"


class _State(StrEnum):
    WAITING = "waiting"
    TAKEN = "taken"
    FAILED = "failed"


@app.command("list")
def list_files(
    source: Annotated[Source | None, typer.Argument(help="Only files of this source.")] = None,
    state: Annotated[_State | None, typer.Option(help="Only files in this state.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show every dropped file that is not loaded: where it is, since when, and why.

    Failed files lie encrypted in the error archive; below the table stands how to retry them.
    """
    from ingestion.settings import load_settings
    from ingestion.sources.file_states import dropped_files

    settings = load_settings()
    files = [
        file
        for name in ([source] if source else Source)
        for file in dropped_files(settings, name.value)
        if state is None or file.state == state
    ]
    if as_json:
        print_json(files)
        return
    counts = ", ".join(
        f"{sum(file.state == kind for file in files):,} {kind.value}"
        for kind in _State
        if state in (None, kind)
    )
    columns = ["source", "state", "name", "since", "step", "reason"]
    rows = [
        [
            file.source,
            file.state,
            file.name,
            f"{file.since:%Y-%m-%d %H:%M:%S}",
            *(value or None for value in (file.step, file.reason)),
        ]
        for file in files
    ]
    print_table(f"Dropped files: {counts}", columns, rows)
    for command in dict.fromkeys(file.retry for file in files if file.retry):
        typer.echo(command)  # not folded, so that it can be copied


@app.command()
def retry(
    place: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE/ATTEMPT[/NAME]", help="A failed file, or all of an attempt."
        ),
    ],
    as_json: JsonFlag = False,
) -> None:
    """Put failed files back into the drop folder and land their source.

    A file that fails again is in the error archive again, in a new attempt. Content that is loaded
    already is not loaded twice.
    """
    from ingestion.settings import load_settings
    from orchestration.batch import retry_files
    from orchestration.cli.land import exit_with_problems

    report, names = retry_files(load_settings(), place)
    files = [file for file in report.files if file.name in names]
    if as_json:
        print_json({"put_back": names, **report.as_json()})
    else:
        print_table(
            f"{len(names):,} put back",
            ["name", "table", "outcome", "message"],
            [[file.name, file.table or None, file.outcome, file.message or None] for file in files],
        )
    exit_with_problems([report])
