"""A source whose files are dropped in a folder.

    take whole files (and what dead landings had taken)
      -> per table: hash, judge, parse to Arrow
      -> one fenced commit per package of files, which claims their hashes
      -> register and remove; files that cannot be finished go whole to the error archive

A content is loaded once. The same content again, under whatever name, is `repeated`; a known name
with new content is a new version that supersedes the old one. Both versions' rows stay in raw, the
vault deduplicates events by their keys.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain

from ingestion.contracts import load_contract
from ingestion.errors import AdxError, ExitCode
from ingestion.lake.problems import storage_errors
from ingestion.settings import Settings
from ingestion.sources.drop_queue import DropQueue
from ingestion.sources.error_archive import ErrorArchive
from ingestion.sources.main import run
from ingestion.sources.pipeline import open_pipeline
from ingestion.sources.progress import progress
from ingestion.sources.report import FileReport, LandingReport
from ingestion.sources.run import Landing
from ingestion.sources.table_files import TableFiles, TakenFile


@dataclass(frozen=True)
class FileSource:
    """One source of dropped files.

    Attributes:
        name: The source, which names its drop folder `<drop>/<name>/`.
        names: The forms of the names of each table's files; tables are landed in this order.
    """

    name: str
    names: Mapping[str, tuple[str, ...]]

    def table_of(self, file_name: str) -> str | None:
        """The raw table that takes files of a name."""
        return next(
            (
                table
                for table, forms in self.names.items()
                if any(fnmatchcase(file_name, form) for form in forms)
            ),
            None,
        )

    def _raw_table(self, file_name: str) -> str:
        """`<source>.<table>`; empty for a name that no table takes."""
        table = self.table_of(file_name)
        return f"{self.name}.{table}" if table is not None else ""

    def land(self, settings: Settings) -> LandingReport:
        """Land every whole file of the drop folder.

        Returns:
            The report; files that went to the error archive are its problems, all others are
            landed.

        Raises:
            AdxError: The folders or the lake cannot be used; files taken stay for the next
                landing.
        """
        landing = Landing.start(settings, self.name)
        with storage_errors(settings.drop):
            queue = DropQueue(settings.drop, self.name, settings.drop_quiet_seconds)
            archive = ErrorArchive(queue.error, self.name, landing.keys)
            with queue.abandoned() as abandoned:
                whole, waiting = queue.ready()
                with queue.take(whole) as fresh:
                    files = [
                        TakenFile.take(attempt, path)
                        for attempt in (*abandoned, fresh)
                        for path in attempt.files()
                    ]
                    self._land(landing, archive, files)
        landing.report.files += [
            FileReport(name, self._raw_table(name), "waiting", "it is still being written")
            for name in waiting
        ]
        return landing.finish()

    def retry(self, settings: Settings, place: str) -> str:
        """Put a file of the error archive back into the drop folder; returns its name.

        Raises:
            AdxError: There is no such file, or it cannot be restored.
        """
        landing = Landing.start(settings, self.name)
        with storage_errors(settings.drop):
            queue = DropQueue(settings.drop, self.name, settings.drop_quiet_seconds)
            archive = ErrorArchive(queue.error, self.name, landing.keys)
            return archive.restore(place, queue.incoming).name

    def main(self) -> int:
        """One landing from a terminal, with the option to restore an archived file first."""
        parser = argparse.ArgumentParser(description=f"Land the files of {self.name}.")
        parser.add_argument(
            "--retry", metavar="ATTEMPT/NAME", help="first take this from the error archive"
        )
        place: str | None = parser.parse_args().retry

        def restore_and_land(settings: Settings) -> LandingReport:
            if place is not None:
                self.retry(settings, place)
            return self.land(settings)

        return run(restore_and_land)

    def _land(self, landing: Landing, archive: ErrorArchive, files: list[TakenFile]) -> None:
        with progress(self.name, len(files), "files") as advance:
            for table in self.names:
                contract = load_contract(self.name, table)
                own = [file for file in files if self.table_of(file.name) == table]
                with open_pipeline(landing.settings, landing.lake, contract) as pipeline:
                    landing.recovered(contract, pipeline.drain())
                    with landing.timed(contract):
                        TableFiles(landing, archive, pipeline, advance).land(own)
            for file in files:
                if self.table_of(file.name) is None:
                    self._reject_name(landing, archive, file)

    def _reject_name(self, landing: Landing, archive: ErrorArchive, file: TakenFile) -> None:
        error = AdxError(
            f"No table takes a file named {file.name}.",
            remedy=f"Name it like one of: {', '.join(chain.from_iterable(self.names.values()))}.",
            exit_code=ExitCode.DATA,
        )
        archive.put(
            file.path, file.attempt.id, table="", sha256=file.sha256, step="name", error=error
        )
        file.attempt.finish(file.path)
        landing.report.files.append(FileReport(file.name, "", "failed", error.message))
        landing.report.problems.append(error)
