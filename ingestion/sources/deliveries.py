"""Deliveries: files that belong together, landed all or none.

Every file of a delivery is copied and parsed before the first one is loaded. If one cannot be
finished, all of them go to the error archive, with the reason of the one that failed. Whatever
fails later is no fault of a file (a lake that is away, a full disk, a death): the files stay taken,
and the next landing finishes what this one began.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ingestion.contracts import load_contract
from ingestion.errors import AdxError, ExitCode
from ingestion.sources.drop_queue import Look
from ingestion.sources.rejects import Rejects
from ingestion.sources.report import FileReport
from ingestion.sources.run import Landing
from ingestion.sources.table_files import read_file
from ingestion.sources.taken_file import TakenFile


@dataclass(frozen=True)
class Fault:
    """Why a file cannot be finished.

    Attributes:
        name: The file.
        step: What was being done.
        error: What was wrong.
    """

    name: str
    step: str
    error: AdxError

    def of_others(self) -> AdxError:
        """What it means for the other files of its delivery."""
        return AdxError(
            f"{self.name} of the same delivery failed: {self.error.message}",
            remedy=self.error.remedy,
            exit_code=self.error.exit_code,
        )


class Deliveries:
    """Judges the deliveries of one source in one landing.

    Args:
        landing: The landing.
        rejects: Deals with files that cannot be finished.
        table_of: The table that takes files of a name.
        no_table: The error for a name that no table takes.
    """

    def __init__(
        self,
        landing: Landing,
        rejects: Rejects,
        table_of: Callable[[str], str | None],
        no_table: Callable[[str], AdxError],
    ) -> None:
        self._landing = landing
        self._rejects = rejects
        self._table_of = table_of
        self._no_table = no_table

    def sound(self, files: Sequence[TakenFile], faults: Mapping[str, Fault]) -> list[TakenFile]:
        """The files of deliveries that can be landed; all others are dealt with.

        Args:
            files: The files of deliveries.
            faults: Deliveries that are broken already, by their attempt.
        """
        attempts: dict[str, list[TakenFile]] = {}
        for file in files:
            attempts.setdefault(file.attempt.id, []).append(file)
        found: list[TakenFile] = []
        for attempt, together in attempts.items():
            fault = faults.get(attempt) or self._fault(together)
            if fault is not None:
                self._reject(together, fault)
            elif any(Look.at(file.path) != file.look for file in together):
                self._wait(together)
            else:
                found += together
        return found

    def _fault(self, files: Sequence[TakenFile]) -> Fault | None:
        """What is wrong with the first file that cannot be finished; None if all can."""
        with ThreadPoolExecutor(self._landing.settings.duckdb_threads) as pool:
            faults = list(pool.map(self._judge, files))
        return next((fault for fault in faults if fault is not None), None)

    def _judge(self, file: TakenFile) -> Fault | None:
        table = self._table_of(file.name)
        if table is None:
            return Fault(file.name, "name", self._no_table(file.name))
        contract = load_contract(self._landing.report.source, table)
        if self._landing.lake.loaded_files(contract, {file.sha256}):
            return None  # by this very delivery before a death, or by another one
        try:
            read_file(self._landing, contract, file)
        except AdxError as error:
            if error.exit_code not in (ExitCode.DATA, ExitCode.UNAVAILABLE):
                raise
            return Fault(file.name, "parse" if file.sha256 else "read", error)
        return None

    def _reject(self, files: Sequence[TakenFile], fault: Fault) -> None:
        # the cause last: while it is there, a landing that died finds it again
        for file in sorted(files, key=lambda file: file.name == fault.name):
            is_cause = file.name == fault.name
            step, error = (fault.step, fault.error) if is_cause else ("delivery", fault.of_others())
            self._rejects.reject(file, step, error, is_cause=is_cause)

    def _wait(self, files: Sequence[TakenFile]) -> None:
        for file in files:
            table = self._table_of(file.name)
            name = "" if table is None else f"{self._landing.report.source}.{table}"
            self._landing.report.files.append(
                FileReport(file.name, name, "waiting", "its delivery changed while it was read")
            )
