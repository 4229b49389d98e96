"""Lands the ad server's files.

    take whole files (and what dead landings had taken)
      -> per table: hash, judge, parse to Arrow
      -> one fenced commit per package of files, which claims their hashes
      -> register and remove; files that cannot be finished go whole to the error archive

A content is loaded once. The same content again, under whatever name, is `repeated`; a known name
with new content is a new version that supersedes the old one. Both versions' rows stay in raw, the
vault deduplicates events by their keys.
"""

from fnmatch import fnmatchcase
from itertools import chain
from typing import Final

from ingestion.contracts import load_contract
from ingestion.errors import AdxError, ExitCode
from ingestion.lake.problems import storage_errors
from ingestion.settings import Settings
from ingestion.sources.adserver.table import TableFiles, TakenFile
from ingestion.sources.drop_queue import DropQueue
from ingestion.sources.error_archive import ErrorArchive
from ingestion.sources.pipeline import open_pipeline
from ingestion.sources.progress import progress
from ingestion.sources.report import FileReport, LandingReport
from ingestion.sources.run import Landing

SOURCE: Final = "adserver"
_NAMES: Final = {
    "impressions": ("impressions*.jsonl", "impressions*.jsonl.gz"),
    "clicks": ("clicks*.csv",),
    "conversions": ("conversions*.csv",),
}


def table_of(name: str) -> str | None:
    """The raw table that takes files of a name."""
    return next(
        (
            table
            for table, forms in _NAMES.items()
            if any(fnmatchcase(name, form) for form in forms)
        ),
        None,
    )


def land(settings: Settings) -> LandingReport:
    """Land every whole file of the drop folder.

    Returns:
        The report; files that went to the error archive are its problems, all others are landed.

    Raises:
        AdxError: The folders or the lake cannot be used; files taken stay for the next landing.
    """
    landing = Landing.start(settings, SOURCE)
    with storage_errors(settings.drop):
        queue = DropQueue(settings.drop, SOURCE, settings.drop_quiet_seconds)
        archive = ErrorArchive(queue.error, SOURCE, landing.keys)
        with queue.abandoned() as abandoned:
            whole, waiting = queue.ready()
            with queue.take(whole) as fresh:
                files = [
                    TakenFile.take(attempt, path)
                    for attempt in (*abandoned, fresh)
                    for path in attempt.files()
                ]
                _land(landing, archive, files)
    landing.report.files += [
        FileReport(name, f"{SOURCE}.{table_of(name)}", "waiting", "it is still being written")
        for name in waiting
    ]
    return landing.finish()


def _land(landing: Landing, archive: ErrorArchive, files: list[TakenFile]) -> None:
    with progress(SOURCE, len(files), "files") as advance:
        for table in _NAMES:
            contract = load_contract(SOURCE, table)
            own = [file for file in files if table_of(file.name) == table]
            with open_pipeline(landing.settings, landing.lake, contract) as pipeline:
                landing.recovered(contract, pipeline.drain())
                with landing.timed(contract):
                    TableFiles(landing, archive, pipeline, advance).land(own)
        for file in files:
            if table_of(file.name) is None:
                _reject_name(landing, archive, file)


def _reject_name(landing: Landing, archive: ErrorArchive, file: TakenFile) -> None:
    error = AdxError(
        f"No table takes a file named {file.name}.",
        remedy=f"Name it like one of: {', '.join(chain.from_iterable(_NAMES.values()))}.",
        exit_code=ExitCode.DATA,
    )
    archive.put(file.path, file.attempt.id, table="", sha256=file.sha256, step="name", error=error)
    file.attempt.finish(file.path)
    landing.report.files.append(FileReport(file.name, "", "failed", error.message))
    landing.report.problems.append(error)


def retry(settings: Settings, place: str) -> str:
    """Put a file of the error archive back into the drop folder; returns its name.

    Raises:
        AdxError: There is no such file, or it cannot be restored.
    """
    landing = Landing.start(settings, SOURCE)
    with storage_errors(settings.drop):
        queue = DropQueue(settings.drop, SOURCE, settings.drop_quiet_seconds)
        return ErrorArchive(queue.error, SOURCE, landing.keys).restore(place, queue.incoming).name
