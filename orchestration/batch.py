"""The sources that dlt lands, by name."""

import importlib
from typing import TYPE_CHECKING

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings

if TYPE_CHECKING:
    from ingestion.sources.report import LandingReport

BATCH_SOURCES = ("campaigns", "fx", "crunchbase", "adserver", "exchange")
"""Dimensions and rates first: what events refer to is then there when they are built."""


def land_source(settings: Settings, name: str, *, demanded: bool = False) -> "LandingReport":
    """Land one batch source, such as `adserver`.

    Args:
        settings: Where everything is.
        name: The source.
        demanded: Whether somebody asked for just this one. Otherwise a source on demand
            (Crunchbase) is left alone where nothing says how to reach it.
    """
    from ingestion.sources.report import LandingReport

    module = importlib.import_module(f"ingestion.sources.{name}")
    is_configured = getattr(module, "is_configured", None)
    if not demanded and is_configured is not None and not is_configured(settings):
        return LandingReport(name)
    return module.land(settings)


def broken_files(report: "LandingReport") -> list[AdxError]:
    """Files that broke their contract as a whole: archived, and no reason to stop.

    Raises:
        AdxError: A problem of another kind, such as a database that cannot be reached.
    """
    for problem in report.problems:
        if problem.exit_code is not ExitCode.DATA:
            raise problem
    return report.problems
