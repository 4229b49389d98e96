"""A source whose files are dropped in a folder, or below a prefix of a bucket.

    take whole files (and what dead landings had taken); copy whole objects
      -> per table: hash, judge, parse to Arrow
      -> one fenced commit per package of files, which claims their hashes
      -> register and remove; files that cannot be finished go whole to the error archive, and so
         do all others of their delivery

A content is loaded once. The same content again, under whatever name, is `repeated`; a known name
with new content is a new version that supersedes the old one. Both versions' rows stay in raw, the
vault deduplicates events by their keys.
"""

import argparse
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain
from typing import TYPE_CHECKING

from ingestion.contracts import all_contracts, load_contract
from ingestion.drafts.catalog import crawl
from ingestion.drafts.draft import kind_of
from ingestion.errors import AdxError, ExitCode
from ingestion.lake.problems import storage_errors
from ingestion.settings import Settings
from ingestion.sources.deliveries import Deliveries, Fault
from ingestion.sources.drop_queue import Attempt, DropQueue, delivery_of, printable
from ingestion.sources.error_archive import ErrorArchive
from ingestion.sources.main import run
from ingestion.sources.origins import Origin, origins_of, set_aside, with_origins
from ingestion.sources.pipeline import open_pipeline
from ingestion.sources.progress import progress
from ingestion.sources.rejects import Rejects
from ingestion.sources.report import FileReport, LandingReport
from ingestion.sources.run import Landing
from ingestion.sources.table_files import TableFiles
from ingestion.sources.taken_file import TakenFile

if TYPE_CHECKING:
    from ingestion.sources.drop_bucket import DropBucket


@dataclass(frozen=True)
class FileSource:
    """One source of dropped files.

    Attributes:
        name: The source, which names its drop folder `<drop>/<name>/`.
    """

    name: str

    @property
    def names(self) -> Mapping[str, tuple[str, ...]]:
        """The forms of the names of each table's files, as its contract says."""
        return {
            contract.table: contract.files
            for contract in all_contracts()
            if contract.source == self.name and contract.files
        }

    def table_of(self, file_name: str) -> str | None:
        """The raw table that takes files of a name; of several forms the longest counts."""
        fitting = [
            (len(form), table)
            for table, forms in self.names.items()
            for form in forms
            if fnmatchcase(file_name, form)
        ]
        return max(fitting)[1] if fitting else None

    def _raw_table(self, file_name: str) -> str:
        """`<source>.<table>`; empty for a name that no table takes."""
        table = self.table_of(file_name)
        return f"{self.name}.{table}" if table is not None else ""

    def land(self, settings: Settings) -> LandingReport:
        """Land every whole file of the drop folder and of the bucket prefix.

        Returns:
            The report; files that went to the error archive are its problems, all others are
            landed.

        Raises:
            AdxError: The folders or the lake cannot be used; files taken stay for the next
                landing.
        """
        landing = Landing.start(settings, self.name)
        with storage_errors(settings.drop), ExitStack() as taken:
            queue = DropQueue(settings.drop, self.name, settings.drop_quiet_seconds)
            attempts = taken.enter_context(queue.abandoned())
            is_after_death = bool(attempts)
            whole, waiting = queue.ready()
            deliveries, unfinished = queue.deliveries()
            waiting |= unfinished
            attempts = [
                *attempts,
                taken.enter_context(queue.take(whole)),
                *taken.enter_context(queue.take_deliveries(deliveries)),
            ]
            bucket = self._bucket(settings)
            if bucket is not None:
                copied = taken.enter_context(bucket.take(queue))
                attempts += copied.attempts
                waiting |= dict(copied.waiting)
                landing.report.problems += [copied.problem] if copied.problem else []
            self._land(
                landing,
                queue,
                [with_origins(attempt) for attempt in attempts],
                is_after_death=is_after_death,
            )
        landing.report.files += [
            FileReport(printable(name), self._raw_table(name.rpartition("/")[2]), "waiting", reason)
            for name, reason in waiting.items()
        ]
        return landing.finish()

    def _bucket(self, settings: Settings) -> "DropBucket | None":
        if settings.drop_url is None:
            return None
        # boto3 takes 0.3 s to import, which a drop folder alone need not pay
        from ingestion.sources.drop_bucket import drop_bucket  # noqa: PLC0415

        return drop_bucket(settings, self.name)

    def retry(self, settings: Settings, place: str) -> list[str]:
        """Put one file of the error archive, or all of an attempt, back into the drop folder.

        Args:
            settings: Where everything is.
            place: `<attempt>/<name>`, or `<attempt>`.

        Returns:
            The names of the files.

        Raises:
            AdxError: There is no such file, or it cannot be restored, or the landing that takes its
                delivery has not archived all of it.
        """
        landing = Landing.start(settings, self.name)
        with storage_errors(settings.drop):
            queue = DropQueue(settings.drop, self.name, settings.drop_quiet_seconds)
            attempt = place.partition("/")[0]
            if delivery_of(attempt) and (queue.processing / attempt).exists():
                raise AdxError(
                    f"The delivery {delivery_of(attempt)} is not in the error archive as a whole: "
                    "its landing has not ended.",
                    remedy=f"Run `adx land {self.name}`, which finishes what a landing left that "
                    "died; then try again.",
                    exit_code=ExitCode.BUSY,
                )
            archive = ErrorArchive(queue.error, self.name, landing.keys)
            return [path.name for path in archive.restore(place, queue.incoming)]

    def main(self) -> int:
        """One landing from a terminal, with the option to restore an archived file first."""
        parser = argparse.ArgumentParser(description=f"Land the files of {self.name}.")
        parser.add_argument(
            "--retry", metavar="ATTEMPT[/NAME]", help="first take this from the error archive"
        )
        place: str | None = parser.parse_args().retry

        def restore_and_land(settings: Settings) -> LandingReport:
            if place is not None:
                self.retry(settings, place)
            return self.land(settings)

        return run(restore_and_land)

    def _land(
        self,
        landing: Landing,
        queue: DropQueue,
        attempts: list[Attempt],
        *,
        is_after_death: bool,
    ) -> None:
        archive = ErrorArchive(queue.error, self.name, landing.keys)
        rejects = Rejects(landing, archive, self.table_of)
        files = [file for attempt in attempts for file in self._files(landing, attempt)]
        if any(attempt.delivery for attempt in attempts):
            self._drain(landing)
        files = self._sound(landing, rejects, attempts, files)
        with progress(self.name, len(files), "files") as advance:
            for table in self.names:
                contract = load_contract(self.name, table)
                own = [file for file in files if self.table_of(file.name) == table]
                with open_pipeline(landing.settings, landing.lake, contract) as pipeline:
                    landing.recovered(contract, pipeline.drain())
                    with landing.timed(contract):
                        TableFiles(landing, rejects, pipeline, advance).land(own)
            for file in files:
                if self.table_of(file.name) is None:
                    rejects.reject(file, "name", self._no_table(file.name))
        undeclared = {
            kind_of(file.name)
            for file in landing.report.files
            if file.outcome == "failed" and not file.table
        }
        if undeclared or is_after_death:
            # a landing that died may have archived files whose form it did not register
            kinds = None if is_after_death else undeclared
            crawl(landing.lake, archive, self.name, kinds)

    def _files(self, landing: Landing, attempt: Attempt) -> list[TakenFile]:
        """The files of an attempt; copies that the disk has damaged are left to be made again."""
        files = [TakenFile.take(attempt, path) for path in attempt.files()]
        origins = origins_of(attempt.folder)
        damaged = [
            file
            for file in files
            if file.name in origins and file.sha256 != origins[file.name].sha256
        ]
        if damaged and attempt.delivery:
            damaged = files
        for file in damaged:
            file.path.unlink()
            reason = "its copy was damaged; the object is still there"
            landing.report.files.append(
                FileReport(file.name, self._raw_table(file.name), "waiting", reason)
            )
        return [file for file in files if file not in damaged]

    def _drain(self, landing: Landing) -> None:
        """Commit what dead landings had made ready, so that deliveries are judged after it."""
        for table in self.names:
            contract = load_contract(self.name, table)
            with open_pipeline(landing.settings, landing.lake, contract) as pipeline:
                landing.recovered(contract, pipeline.drain())

    def _sound(
        self,
        landing: Landing,
        rejects: Rejects,
        attempts: list[Attempt],
        files: list[TakenFile],
    ) -> list[TakenFile]:
        """The files that were copied well, and whose deliveries can be landed as a whole."""
        faults: dict[str, Fault] = {}
        by_place = {(file.attempt.id, file.name): file for file in files}
        for attempt in attempts:
            held = attempt.held()
            stay: set[str] = set()
            for name, origin in origins_of(attempt.folder).items():
                if not origin.problem:
                    continue
                file = by_place.get((attempt.id, name))
                faults[attempt.id] = Fault(name, "copy", origin.error)
                if file is None and not origin.sha256:
                    if held is not None and name not in held:
                        continue  # an earlier landing has set it aside
                    if (problem := _problem_of_setting_aside(origin)) is None:
                        rejects.reject_object(attempt, name, origin)
                    else:
                        rejects.leave_object(name, problem)
                        stay.add(name)
                elif file is not None and not attempt.delivery:
                    rejects.reject(file, "copy", origin.error)
                    files = [other for other in files if other is not file]
            if stay or held:
                attempt.hold(stay)
        single = [file for file in files if not file.attempt.delivery]
        together = [file for file in files if file.attempt.delivery]
        deliveries = Deliveries(landing, rejects, self.table_of, self._no_table)
        return [*single, *deliveries.sound(together, faults)]

    def _no_table(self, file_name: str) -> AdxError:
        return AdxError(
            f"No table takes a file named {file_name}.",
            remedy=f"Name it like one of: {', '.join(chain.from_iterable(self.names.values()))}; "
            "or declare its kind: `adx catalog list` shows what is known of it.",
            exit_code=ExitCode.DATA,
        )


def _problem_of_setting_aside(origin: Origin) -> AdxError | None:
    """Move an object that cannot be copied out of the way; what is wrong if that fails, too."""
    try:
        set_aside(origin)
    except AdxError as error:
        return AdxError(
            f"{origin.problem} It cannot be moved to {origin.aside} either: {error.message}",
            remedy=f"Let the platform move it, or remove {origin.location}; the next landing then "
            "goes on.",
            exit_code=error.exit_code,
        )
    return None
