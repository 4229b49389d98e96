"""`adx demo` and `adx clean`."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.output import remarks
from orchestration.cli.world import Days, Scale, Seed

if TYPE_CHECKING:
    from ingestion.settings import Settings


def register(app: typer.Typer) -> None:
    """Add `adx demo` and `adx clean`."""
    app.command(rich_help_panel="Start here")(demo)
    app.command(rich_help_panel="Warehouse")(clean)


def demo(seed: Seed = 1, scale: Scale = 200_000, days: Days = 3) -> None:
    """Play the ad world day by day through the whole platform, then prove every number.

    Run again: nothing is sent, landed or built twice. Exit code 1 if a number is wrong.
    """
    import logging

    import structlog

    from ingestion.settings import load_settings
    from orchestration.cli.warehouse import judge, print_report
    from orchestration.demo import run_demo
    from orchestration.warehouse.verify import verify

    # A person reads this, and the run ledger keeps every figure of every batch.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    settings = load_settings()
    run_demo(settings, seed=seed, scale=scale, days=days, console=remarks())
    typer.echo()
    print_report(settings)
    typer.echo(_next_steps(settings))
    judge(verify(settings))


def _next_steps(settings: "Settings") -> str:
    """Where to look next, with the home spelled out where it is not the default one."""
    from ingestion.settings import PROJECT_ROOT

    home = os.environ.get("ADX_HOME")
    default = home is None or settings.home == PROJECT_ROOT / ".adx"
    prefix = "" if default else f"ADX_HOME={settings.home} "
    file = settings.warehouse / "current" / "advertisex.duckdb"
    steps = {
        "the graph, runs and checks": "make dagster",
        "the DuckDB file, for a BI tool": str(file),
        "billing by line item and day": (
            ".venv/bin/adx query "
            '"select * from finance.fct_line_item_billing_daily order by advertiser_date limit 5"'
        ),
        "history of a line item": (
            ".venv/bin/adx query "
            '"select line_item_id, rate_micros, valid_from, valid_to from core.dim_line_items '
            'where valid_to is not null limit 5"'
        ),
        "records that broke their contract": ".venv/bin/adx failed list",
        "what was lost or changed on the way": ".venv/bin/adx reconcile",
    }
    lines = [
        f"  {what:<36} {how if how.startswith(os.sep) else prefix + how}"
        for what, how in steps.items()
    ]
    return "\n".join(["Where to look next", *lines, ""])


def clean(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop the servers of this home; remove lake, keys, warehouse, world and all the rest.

    The lake is the only truth; after this there is nothing to rebuild from.
    """
    from ingestion.settings import load_settings
    from orchestration.demo import clean_home

    settings = load_settings()
    if not settings.home.exists():
        remarks().print(f"{settings.home} does not exist: nothing to clean")
        return
    if not yes:
        typer.confirm(f"Remove what AdvertiseX keeps in {settings.home}?", abort=True)
    removed = clean_home(settings)
    remarks().print(f"removed from {settings.home}: {', '.join(removed) or 'nothing'}")
