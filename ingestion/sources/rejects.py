"""Files that cannot be finished: to the error archive, into the registry, into the report."""

from collections.abc import Callable
from typing import Any

from ingestion.contracts import Contract, load_contract
from ingestion.errors import AdxError
from ingestion.sources.drop_queue import Attempt
from ingestion.sources.error_archive import ErrorArchive
from ingestion.sources.origins import Origin
from ingestion.sources.report import FileReport
from ingestion.sources.run import Landing
from ingestion.sources.taken_file import TakenFile


class Rejects:
    """Rejects files of one source in one landing.

    Args:
        landing: The landing.
        archive: Where they go.
        table_of: The table that takes files of a name.
    """

    def __init__(
        self, landing: Landing, archive: ErrorArchive, table_of: Callable[[str], str | None]
    ) -> None:
        self._landing = landing
        self._archive = archive
        self._table_of = table_of

    def reject(self, file: TakenFile, step: str, error: AdxError, *, is_cause: bool = True) -> None:
        """Archive a file whole.

        Args:
            file: The file.
            step: What was being done.
            error: What was wrong.
            is_cause: Whether it failed itself; otherwise another file of its delivery did.
        """
        contract = self._contract(file.name)
        self._archive.put(
            file.path,
            file.attempt.id,
            table="" if contract is None else contract.name,
            sha256=file.sha256,
            step=step,
            error=error,
        )
        if contract is not None:
            register(self._landing, contract, file, "failed", reason=error.message)
        file.attempt.finish(file.path)
        self._report(file.name, contract, error, is_cause=is_cause)

    def reject_object(self, attempt: Attempt, name: str, origin: Origin) -> None:
        """Archive an object that could not be copied and was set aside."""
        contract = self._contract(name)
        self._archive.put_object(
            name,
            attempt.id,
            table="" if contract is None else contract.name,
            size=origin.bytes,
            location=origin.aside,
            error=origin.error,
        )
        self._report(name, contract, origin.error, is_cause=True)

    def leave_object(self, name: str, problem: AdxError) -> None:
        """Report an object that can neither be copied nor set aside; it stays where it is."""
        contract = self._contract(name)
        table = "" if contract is None else contract.name
        self._landing.report.files.append(FileReport(name, table, "waiting", problem.message))
        self._landing.report.problems.append(problem)

    def _contract(self, name: str) -> Contract | None:
        table = self._table_of(name)
        return None if table is None else load_contract(self._landing.report.source, table)

    def _report(
        self, name: str, contract: Contract | None, error: AdxError, *, is_cause: bool
    ) -> None:
        table = "" if contract is None else contract.name
        self._landing.report.files.append(FileReport(name, table, "failed", error.message))
        if is_cause:
            self._landing.report.problems.append(error)


def register(
    landing: Landing, contract: Contract, file: TakenFile, status: str, **more: Any
) -> None:
    """Write what became of a file to `ops.file_registry`."""
    landing.lake.append_ops(
        "file_registry",
        [
            {
                "source": contract.source,
                "table_name": contract.table,
                "status": status,
                "sha256": file.sha256,
                "delivery": f"{file.attempt.id}/{file.name}",
                "file_name": file.name,
                "bytes": file.bytes,
                "registered_at": landing.started_at,
                **more,
            }
        ],
    )
