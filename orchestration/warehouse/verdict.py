"""The verdict of a comparison: what was checked, what failed and where."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Failure:
    """A check that failed.

    Attributes:
        check: What was checked, such as a metric and its grain, or a table.
        where: The first place that is wrong.
        expected: What should be there.
        found: What is there.
        others: Further places of the same check that are wrong.
    """

    check: str
    where: str
    expected: str
    found: str
    others: int = 0

    def __str__(self) -> str:
        more = f" (and {self.others} more)" if self.others else ""
        where = f" at {self.where}" if self.where else ""
        return f"{self.check}{where}: expected {self.expected}, found {self.found}{more}"


@dataclass(frozen=True)
class Check:
    """A check that was made: its name, and what is wrong (None where it passed)."""

    name: str
    failure: Failure | None = None


def equal(name: str, where: str, expected: object, found: object) -> Check:
    """The check that two things are the same."""
    if expected == found:
        return Check(name)
    return Check(name, Failure(name, where, str(expected), str(found)))


@dataclass
class Verdict:
    """Checks that passed and checks that failed.

    Attributes:
        passed: How many passed.
        failures: Those that failed.
        names: Of those that passed, where a person wants to read each.
    """

    passed: int = 0
    failures: list[Failure] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """How many checks failed."""
        return len(self.failures)

    @property
    def last_line(self) -> str:
        """The line that a command ends with, and that scripts read."""
        return f"{self.passed} passed, {self.failed} failed"
