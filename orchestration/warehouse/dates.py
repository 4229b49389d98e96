"""Ranges of event dates, as people write them: `2026-03-28`, `2026-03-01..2026-03-28`."""

from datetime import date

from ingestion.errors import AdxError, ExitCode

DateRange = tuple[date, date]
"""First and last date, both in it."""


def parse_dates(text: str) -> DateRange:
    """Read a date, or the first and last date of a range.

    Raises:
        AdxError: It is no date, or the range runs backwards.
    """
    first, dots, last = text.partition("..")
    try:
        start = date.fromisoformat(first)
        end = date.fromisoformat(last) if dots else start
    except ValueError as error:
        raise _refused(text, str(error)) from error
    if end < start:
        raise _refused(text, "it ends before it begins")
    return start, end


def _refused(text: str, reason: str) -> AdxError:
    return AdxError(
        f"{text!r} is no range of dates: {reason}.",
        remedy="Write one date (2026-03-28) or the first and the last (2026-03-01..2026-03-28).",
        exit_code=ExitCode.USAGE,
    )
