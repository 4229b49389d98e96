"""The one error that a person sees: what is wrong, and what to do about it."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of `adx`, documented in the README."""

    OK = 0
    FAILED = 1
    """The command ran and found something wrong (a check, a test, a difference)."""
    USAGE = 2
    """The command line was wrong."""
    CONFIGURATION = 3
    """A setting, profile, environment or prerequisite is missing or wrong."""
    UNAVAILABLE = 4
    """A system that is needed cannot be reached (broker, database, REST API, disk)."""
    BUSY = 5
    """Another process holds what this command needs; try again when it is done."""
    DATA = 6
    """A source broke its contract as a whole (a gap, a changed header, a lost topic)."""


class AdxError(Exception):
    """An error with a remedy.

    Args:
        message: One sentence that names the thing at fault.
        remedy: One sentence that says what to do.
        exit_code: The exit code `adx` ends with.
    """

    def __init__(self, message: str, *, remedy: str, exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling, as Spark sends errors from executors to the driver."""
        return (_rebuild, (type(self), self.message, self.remedy, int(self.exit_code)))

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}"


def _rebuild(kind: type[AdxError], message: str, remedy: str, exit_code: int) -> AdxError:
    return kind(message, remedy=remedy, exit_code=ExitCode(exit_code))
