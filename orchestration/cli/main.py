"""Entry point of `adx`: the commands, and the one place where an error becomes a sentence."""

import os
import sys
from typing import Annotated

import typer

from ingestion.errors import AdxError
from orchestration.cli import (
    catalog,
    demo,
    doctor,
    failed,
    files,
    finance,
    gaps,
    kafka,
    lake,
    land,
    metrics,
    produce,
    servers,
    stream,
    upgrade,
    warehouse,
    world,
)

EPILOG = (
    "Exit codes: 0 done; 1 a check, test or build failed; 2 wrong command line; "
    "3 a setting or prerequisite is wrong; 4 a system that is needed cannot be reached; "
    "5 another process is at work; 6 a source broke its contract as a whole; 130 interrupted. "
    "ADX_DEBUG=1 shows the traceback of an error."
)

app = typer.Typer(
    name="adx",
    help="AdvertiseX from a terminal: play the ad world, land it, build and prove the marts.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"adx {version('advertisex')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """AdvertiseX from a terminal."""


doctor.register(app)
app.add_typer(world.app, name="world", rich_help_panel="Sources")
app.add_typer(kafka.app, name="kafka", rich_help_panel="Sources")
app.add_typer(produce.app, name="produce", rich_help_panel="Sources")
app.add_typer(lake.app, name="lake", rich_help_panel="Lake")
app.add_typer(servers.app("s3"), name="s3", rich_help_panel="Lake")
app.add_typer(servers.app("postgres"), name="postgres", rich_help_panel="Lake")
app.add_typer(
    servers.app("bigquery_emulator"), name="bigquery-emulator", rich_help_panel="Warehouse"
)
app.add_typer(stream.app, name="stream", rich_help_panel="Landing")
land.register(app)
app.add_typer(files.app, name="files", rich_help_panel="Landing")
app.add_typer(catalog.app, name="catalog", rich_help_panel="Landing")
app.add_typer(failed.app, name="failed", rich_help_panel="Landing")
app.add_typer(gaps.app, name="gaps", rich_help_panel="Landing")
upgrade.register(app)
warehouse.register(app)
app.add_typer(finance.app, name="finance", rich_help_panel="Warehouse")
app.add_typer(metrics.app, name="metrics", rich_help_panel=warehouse.PANEL)
demo.register(app)


def _sentence(error: OSError) -> AdxError:
    """What an operating system error means to a person."""
    from ingestion.lake.problems import storage_errors

    try:
        with storage_errors(os.environ.get("ADX_HOME", "the home folder")):
            raise error
    except AdxError as known:
        return known


def _report(error: AdxError) -> int:
    """Write an error as two lines to standard error."""
    typer.echo(f"error: {error.message}", err=True)
    typer.echo(f"remedy: {error.remedy}", err=True)
    return int(error.exit_code)


def main() -> None:
    """Run `adx`; expected errors end in one sentence, a remedy and a documented exit code."""
    debug = bool(os.environ.get("ADX_DEBUG"))
    try:
        app()
    except AdxError as error:
        if debug:
            raise
        sys.exit(_report(error))
    except OSError as error:
        if debug:
            raise
        sys.exit(_report(_sentence(error)))


if __name__ == "__main__":
    main()
