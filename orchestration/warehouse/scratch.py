"""dbt for developers: any dbt command, with the pin's window, on a copy of the warehouse."""

from collections.abc import Sequence

from ingestion.errors import AdxError
from ingestion.settings import Settings
from orchestration.warehouse import dbt
from orchestration.warehouse.build import Result, open_session

_WRITES = {"build", "run", "seed", "snapshot", "test", "show", "run-operation", "clone"}
"""Commands that open the database; the others only read the project."""


def run(settings: Settings, arguments: Sequence[str], *, pin: int | None = None) -> None:
    """Run one dbt command; its output goes to the terminal.

    Raises:
        AdxError: dbt failed, or could not start.
    """
    command = next((word for word in arguments if not word.startswith("-")), "")
    if command not in _WRITES:
        unused = settings.home / "dbt" / "unused.duckdb"
        _check(
            dbt.run(settings, arguments, database=unused, window=None, quiet=False, artifacts=True)
        )
        return
    with open_session(settings, pin=pin, keep_rows=True, again=True) as session:
        if isinstance(session, Result):  # pragma: no cover - `again` never has nothing to do
            return
        outcome = session.run(arguments, quiet=False, artifacts=True)
        session.keep_partial(outcome.models, outcome.tests)
    _check(outcome)


def _check(outcome: dbt.Outcome) -> None:
    if outcome.failures:
        first = outcome.failures[0]
        raise AdxError(
            f"{len(outcome.failures)} of dbt's nodes failed, first {first.kind} {first.name}.",
            remedy=f"See the lines above; its source is {first.source}.",
        )
