"""`adx land`: the batch sources."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.output import JsonFlag, print_json, print_table, remarks

if TYPE_CHECKING:
    from ingestion.settings import Settings
    from ingestion.sources.report import LandingReport


class Source(StrEnum):
    """A batch source, or all of them."""

    ADSERVER = "adserver"
    EXCHANGE = "exchange"
    CAMPAIGNS = "campaigns"
    CRUNCHBASE = "crunchbase"
    FX = "fx"
    ALL = "all"


def register(app: typer.Typer) -> None:
    """Add `adx land`."""
    app.command(rich_help_panel="Landing")(land)


def land(
    source: Annotated[Source, typer.Argument(help="Which source to land.")] = Source.ALL,
    as_json: JsonFlag = False,
) -> None:
    """Land files, campaign tables, FX rates, organisations; nothing is landed a second time.

    A source, or a part of one, that cannot be landed does not hold up the rest; the first of them
    decides the exit code.
    """
    from ingestion.settings import load_settings
    from orchestration.batch import BATCH_SOURCES

    settings = load_settings()
    demanded = source is not Source.ALL
    names = (source.value,) if demanded else BATCH_SOURCES
    reports = [_land(settings, name, demanded=demanded) for name in names]
    if as_json:
        print_json([report.as_json() for report in reports])
    else:
        columns = ["table", "read", "loaded", "failed", "unchanged", "commits", "seconds"]
        rows = [
            [vars(table)[name] for name in columns[:-1]] + [f"{table.seconds:.1f}"]
            for report in reports
            for table in report.tables
        ]
        print_table("Landed", columns, rows, right=1)
    exit_with_problems(reports)


def _land(settings: "Settings", name: str, *, demanded: bool) -> "LandingReport":
    """Land one source; what ends its landing is a problem of its report."""
    from ingestion.errors import AdxError
    from ingestion.sources.report import LandingReport
    from orchestration.batch import land_source

    try:
        return land_source(settings, name, demanded=demanded)
    except AdxError as error:
        return LandingReport(name, problems=[error])


def exit_with_problems(reports: "Sequence[LandingReport]") -> None:
    """Say what went wrong in landings; the first problem decides the exit code."""
    from ingestion.errors import ExitCode

    problems = [problem for report in reports for problem in report.problems]
    # what keeps all of them from landing is said once
    for problem in {problem.message: problem for problem in problems}.values():
        remarks().print(f"error: {problem.message}\nremedy: {problem.remedy}", markup=False)
    if problems:
        raise typer.Exit(int(problems[0].exit_code or ExitCode.FAILED))
