"""When a landing is tried again by itself: a system was away, or another process was at work.

Everything else (broken data, a wrong setting, a defect) fails at once: trying again would not help.
Trying again is safe because every landing goes on where its last commit ended.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings

MOST_RETRIES = 3
PASSING = (ExitCode.UNAVAILABLE, ExitCode.BUSY)


@contextmanager
def retried(settings: Settings, context: dg.AssetExecutionContext) -> Iterator[None]:
    """Ask Dagster to run the step again after a pause that doubles, three times at most.

    Raises:
        AdxError: It is of another kind, or the last try failed as well.
        dagster.RetryRequested: Try again.
    """
    try:
        yield
    except AdxError as error:
        if error.exit_code not in PASSING or context.retry_number >= MOST_RETRIES:
            raise
        pause = settings.retry_seconds * 2**context.retry_number
        context.log.warning(f"{error} Tried again in {pause:g} s.")
        raise dg.RetryRequested(max_retries=MOST_RETRIES, seconds_to_wait=pause) from error
