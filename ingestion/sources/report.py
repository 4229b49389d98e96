"""What a landing did, for the CLI, the run ledger and tests."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from ingestion.errors import AdxError, ExitCode

FileOutcome = Literal["loaded", "repeated", "failed", "waiting"]


@dataclass
class TableReport:
    """One raw table's part of a landing.

    Attributes:
        table: `<source>.<table>`.
        read: Records that the source sent and that were new; read = loaded + failed.
        loaded: Good rows committed.
        failed: Failed rows committed.
        failed_by_reason: Failed rows by reason code.
        drift: Rows with fields that the contract does not declare.
        unchanged: Records that the source sent again and that the lake already has.
        bytes: Bytes read from the source.
        seconds: Time from the first byte read to the commit.
        commits: Commits made.
        recovered: Rows of packages that an earlier process had extracted but not finished.
    """

    table: str
    read: int = 0
    loaded: int = 0
    failed: int = 0
    failed_by_reason: Counter[str] = field(default_factory=Counter)
    drift: int = 0
    unchanged: int = 0
    bytes: int = 0
    seconds: float = 0.0
    commits: int = 0
    recovered: int = 0


@dataclass(frozen=True)
class FileReport:
    """What became of one file.

    Attributes:
        name: Its name in the drop folder.
        table: `<source>.<table>` that it belongs to; empty if its name says nothing.
        outcome: `waiting` files were still being written and stay where they are.
        message: Why, where the outcome is not plain.
    """

    name: str
    table: str
    outcome: FileOutcome
    message: str = ""


@dataclass
class LandingReport:
    """One landing of one source.

    Attributes:
        source: The source.
        tables: Its tables, in the order they were landed.
        files: Its files, for sources that are files.
        problems: What went wrong with a part of the source while the rest was landed.
    """

    source: str
    tables: list[TableReport] = field(default_factory=list)
    files: list[FileReport] = field(default_factory=list)
    problems: list[AdxError] = field(default_factory=list)

    @property
    def exit_code(self) -> ExitCode:
        """OK, or the code of the first problem."""
        return self.problems[0].exit_code if self.problems else ExitCode.OK

    @property
    def files_by_outcome(self) -> Counter[str]:
        """How many files had each outcome."""
        return Counter(file.outcome for file in self.files)

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {
            "source": self.source,
            "tables": [
                {**vars(table), "failed_by_reason": dict(table.failed_by_reason)}
                for table in self.tables
            ],
            "files": [vars(file) for file in self.files],
            "problems": [
                {"message": problem.message, "remedy": problem.remedy} for problem in self.problems
            ],
            "exit_code": int(self.exit_code),
        }
