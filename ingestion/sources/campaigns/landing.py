"""Lands the campaigns database.

    drain each table's pipeline, read its position
      -> one read transaction: changed rows and full key lists of all tables
      -> per table: judge the rows, drop what the lake has, add a row for each key that is gone
      -> one fenced commit per table that has something new

A key that is in the lake but no longer in the source gives one row with `_is_deleted`, its key and
`updated_at` = the time of the poll, because a deletion has no time of its own. That row counts as
loaded. A key that comes back is a new version.
"""

from collections.abc import Callable, Collection
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Final

from ingestion.contracts import all_contracts
from ingestion.errors import AdxError, ExitCode
from ingestion.lake.duckdb import connect
from ingestion.settings import Settings
from ingestion.sources.campaigns.database import read_transaction
from ingestion.sources.campaigns.table import TablePoll
from ingestion.sources.pipeline import StalePackageError, open_pipeline
from ingestion.sources.progress import progress
from ingestion.sources.report import LandingReport
from ingestion.sources.run import Landing

SOURCE: Final = "campaigns"
_TRIES: Final = 3

Clock = Callable[[], datetime]


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


def land(
    settings: Settings, *, tables: Collection[str] | None = None, clock: Clock = now
) -> LandingReport:
    """Land what is new in the campaigns database.

    Args:
        settings: Where everything is.
        tables: Only these tables; all by default.
        clock: The time of the poll, which becomes `updated_at` of deletions.

    Returns:
        The report; a table that could not be read is one of its problems, the others are landed.

    Raises:
        AdxError: The database or the lake cannot be used.
    """
    landing = Landing.start(settings, SOURCE)
    contracts = [
        contract
        for contract in all_contracts()
        if contract.source == SOURCE and (tables is None or contract.table in tables)
    ]
    with ExitStack() as stack:
        connection = stack.enter_context(connect(settings))
        polls = []
        for contract in contracts:
            pipeline = stack.enter_context(open_pipeline(settings, landing.lake, contract))
            landing.recovered(contract, pipeline.drain())
            polls.append(TablePoll(landing, pipeline, connection))
        for _ in range(_TRIES):
            polls = _land_once(landing, polls, clock)
            if not polls:
                return landing.finish()
    raise AdxError(
        f"Other landings of {', '.join(poll.contract.name for poll in polls)} kept coming first.",
        remedy="Land this source from one place only, then run it again.",
        exit_code=ExitCode.BUSY,
    )


def database_url(settings: Settings) -> str:
    """The campaigns database; the ad world's if none is set."""
    return settings.campaigns_url or f"sqlite:///{settings.world / 'campaigns.db'}"


def _land_once(landing: Landing, polls: list[TablePoll], clock: Clock) -> list[TablePoll]:
    """Poll and commit; returns the tables on which another landing came first."""
    readable = []
    for poll in polls:
        poll.read_lake()
    with read_transaction(database_url(landing.settings)) as snapshot:
        polled_at = clock()
        for poll in polls:
            with landing.timed(poll.contract):
                try:
                    poll.read_source(snapshot)
                except AdxError as error:
                    if error.exit_code != ExitCode.DATA:
                        raise
                    landing.report.problems.append(error)
                else:
                    readable.append(poll)
    stale = []
    with progress(SOURCE, len(readable), "tables") as advance:
        for poll in readable:
            with landing.timed(poll.contract):
                try:
                    poll.commit(polled_at)
                except StalePackageError:
                    stale.append(poll)
            advance(poll.contract.table)
    return stale
