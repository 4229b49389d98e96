"""`adx demo` and `adx clean`."""

from typing import Annotated

import typer

from orchestration.cli.output import remarks
from orchestration.cli.world import Days, Scale, Seed


def register(app: typer.Typer) -> None:
    """Add `adx demo` and `adx clean`."""
    app.command(rich_help_panel="Start here")(demo)
    app.command(rich_help_panel="Warehouse")(clean)


def demo(seed: Seed = 1, scale: Scale = 200_000, days: Days = 3) -> None:
    """Play the ad world day by day through the whole platform, then prove every number.

    Run again: nothing is sent, landed or built twice. Exit code 1 if a number is wrong.
    """
    from ingestion.errors import ExitCode
    from ingestion.settings import load_settings
    from orchestration.demo import run_demo

    verdict = run_demo(load_settings(), seed=seed, scale=scale, days=days)
    typer.echo(verdict.last_line)
    if verdict.failed:
        raise typer.Exit(ExitCode.FAILED)


def clean(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop the broker of this home and remove the home: lake, keys, warehouse, world.

    The lake is the only truth; after this there is nothing to rebuild from.
    """
    from ingestion.settings import load_settings
    from orchestration.demo import clean_home

    settings = load_settings()
    if not settings.home.exists():
        remarks().print(f"{settings.home} does not exist: nothing to clean")
        return
    if not yes:
        typer.confirm(f"Remove {settings.home} with everything in it?", abort=True)
    clean_home(settings)
    remarks().print(f"removed {settings.home}")
