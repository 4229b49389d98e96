"""The sources that dlt lands, by name."""

import importlib
from typing import TYPE_CHECKING

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings

if TYPE_CHECKING:
    from ingestion.drafts import Crawled, Draft
    from ingestion.sources.report import LandingReport

BATCH_SOURCES = ("campaigns", "fx", "crunchbase", "adserver", "exchange")
"""Dimensions and rates first: what events refer to is then there when they are built."""

_FILE_CARRIERS = {"csv", "jsonl", "avro"}


def file_sources() -> list[str]:
    """Those of them whose files are dropped."""
    from ingestion.contracts import all_contracts

    dropped = {
        contract.source for contract in all_contracts() if contract.carrier in _FILE_CARRIERS
    }
    return [source for source in BATCH_SOURCES if source in dropped]


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


def retry_files(settings: Settings, place: str) -> tuple["LandingReport", list[str]]:
    """Put files of the error archive back into their drop folder and land their source.

    Args:
        settings: Where everything is.
        place: `<source>/<attempt>/<name>`, or `<source>/<attempt>` for all of an attempt.

    Returns:
        The landing, and the names of the files that were put back.

    Raises:
        AdxError: There is no such source, attempt or file, or it cannot be restored.
    """
    source, _, inner = place.partition("/")
    if source not in file_sources():
        raise AdxError(
            f"{place} does not begin with a source of files.",
            remedy=f"Begin with one of {', '.join(file_sources())}; `adx files list` shows places.",
            exit_code=ExitCode.USAGE,
        )
    module = importlib.import_module(f"ingestion.sources.{source}")
    names: list[str] = module.retry(settings, inner)
    return module.land(settings), names


def crawl_files(settings: Settings, source: str) -> "list[Crawled]":
    """Look at the files of a source that no contract declares; see `ingestion.drafts.crawl`."""
    from ingestion.drafts import crawl
    from ingestion.lake import Lake
    from ingestion.sources.error_archive import error_archive

    lake = Lake.open(settings)
    lake.ensure_tables()
    return crawl(lake, error_archive(settings, source), source)


def attempts_of(settings: Settings, draft: "Draft") -> list[str]:
    """The attempts in the error archive that hold files of a draft's kind."""
    from ingestion.drafts.catalog import undeclared
    from ingestion.drafts.draft import kind_of
    from ingestion.sources.error_archive import error_archive

    files = undeclared(error_archive(settings, draft.source))
    return sorted({file.attempt for file in files if kind_of(file.reason.name) == draft.kind})


def broken_files(report: "LandingReport") -> list[AdxError]:
    """Files that broke their contract as a whole: archived, and no reason to stop.

    Raises:
        AdxError: A problem of another kind, such as a database that cannot be reached.
    """
    for problem in report.problems:
        if problem.exit_code is not ExitCode.DATA:
            raise problem
    return report.problems
