"""Closes billing periods: what is published of a month becomes lines that never change.

A period is a month of the advertiser date. It closes from the published build, in two appends:

1. `ops.frozen_lines`: the lines of the month, and the adjustments of earlier months that are booked
   in it, under an id of this close (period and build);
2. `ops.billing_periods`: the period. **This row closes**: lines count only with their period, so a
   close that was killed before it has changed nothing, and can be run again, from any build.

Both tables are append-only and stand in the pin: the next build has what was closed, and a rebuild
of an older pin has what was closed then. Periods close in order, because an adjustment belongs into
the earliest open one.
"""

import re
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake import Lake, Pin
from ingestion.settings import Settings
from orchestration.warehouse import ledger
from orchestration.warehouse.pin import find_pin
from orchestration.warehouse.published import Published, open_published

_LATEST_ZONE: Final = timedelta(hours=12)
"""A month is over everywhere when it is over at UTC-12."""

_COLUMNS: Final = (
    "line_item_id",
    "campaign_id",
    "advertiser_id",
    "advertiser_date",
    "currency_code",
    "base_currency_code",
    "billed_amount",
    "billed_base_amount",
    "media_cost_amount",
    "media_cost_base_amount",
)


@dataclass(frozen=True)
class Close:
    """What a close did.

    Attributes:
        status: `closed`, or `nothing to do` where the period was closed before.
        period: The period, such as `2026-03`.
        build_id: Build whose figures are frozen.
        pin: Its pin.
        closed_at: When, UTC.
        lines: Lines of the period.
        adjustments: Adjustments of earlier periods that were frozen with it.
    """

    status: str
    period: str
    build_id: str
    pin: int
    closed_at: datetime
    lines: int
    adjustments: int


def close_period(settings: Settings, period: str) -> Close:
    """Freeze what is published of a month; a period that is closed stays as it is.

    Args:
        settings: The environment.
        period: The month, such as `2026-03`.

    Raises:
        AdxError: Nothing is published; the period is no month, was not over when the published
            build pinned the lake, comes after one that is still open or before one that is closed;
            or a close is not in the published build yet.
    """
    started_at = datetime.now(UTC)
    first, end = _bounds(period)
    lake = Lake.open(settings)
    lake.ensure_tables()
    closed = closed_periods(lake)
    if period in closed:
        return _as_before(closed[period])
    with open_published(settings) as published:
        pin = find_pin(lake, published.manifest.pin)
        _check_closes(pin, closed)
        _check_order(published, period, first, max(closed, default=None))
        _check_over(pin, period, end)
        build_id = published.manifest.build_id
        lines = _rows(
            published,
            "finance.fct_line_item_spend_daily",
            f"advertiser_date >= date '{first}' and advertiser_date < date '{end}'",
        )
        adjustments = _rows(
            published, "finance.fct_billing_adjustments", f"billing_period = '{period}'"
        )
    close_id = f"{period}-{build_id}"
    kinds = [("line", row) for row in lines] + [("adjustment", row) for row in adjustments]
    lake.append_ops(
        "frozen_lines",
        [
            {
                "close_id": close_id,
                "line_number": number,
                "period": period,
                "kind": kind,
                **dict(zip(_COLUMNS, row, strict=True)),
            }
            for number, (kind, row) in enumerate(kinds, start=1)
        ],
    )
    failpoint("finance.before_period")
    row = {
        "period": period,
        "status": "closed",
        "close_id": close_id,
        "build_id": build_id,
        "pin": pin.number,
        "closed_at": datetime.now(UTC),
        "line_count": len(lines),
        "adjustment_count": len(adjustments),
    }
    if not lake.append_ops("billing_periods", [row]):
        return _as_before(closed_periods(lake)[period])
    result = _as_before(row, "closed")
    ledger.record(lake, "close", period, started_at, loaded=len(kinds), **asdict(result))
    return result


def closed_periods(lake: Lake) -> dict[str, dict[str, Any]]:
    """The rows of `ops.billing_periods` by period, in order."""
    rows = lake.read_ops("billing_periods").to_pylist()
    return {row["period"]: row for row in rows if row["status"] == "closed"}


def periods(settings: Settings) -> list[dict[str, Any]]:
    """The months of the published build, open and closed, in order.

    Raises:
        AdxError: Nothing is published.
    """
    names = (
        "billing_period",
        "period_status",
        "closed_at",
        "closed_build_id",
        "line_count",
        "adjustment_count",
        "line_billed_base_amount",
        "adjustment_billed_base_amount",
    )
    with open_published(settings) as published:
        rows = published.ask(
            f"select {', '.join(names)} from finance.fct_billing_periods order by billing_period"
        )
    return [dict(zip(names, row, strict=True)) for row in rows]


def _bounds(period: str) -> tuple[date, date]:
    """The first date of a month, and the first one after it."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period):
        raise AdxError(
            f"{period!r} is no billing period: that is a month of the advertiser date.",
            remedy="Name it as YYYY-MM, such as 2026-03.",
            exit_code=ExitCode.USAGE,
        )
    first = date.fromisoformat(f"{period}-01")
    return first, (first + timedelta(days=31)).replace(day=1)


def _as_before(row: dict[str, Any], status: str = "nothing to do") -> Close:
    return Close(
        status=status,
        period=row["period"],
        build_id=row["build_id"],
        pin=row["pin"],
        closed_at=row["closed_at"],
        lines=row["line_count"],
        adjustments=row["adjustment_count"],
    )


def _check_closes(pin: Pin, closed: dict[str, dict[str, Any]]) -> None:
    """The build must know every close: its adjustments are differences to all that is frozen."""
    table = pin.ops.get("billing_periods")
    known = table.to_seq if table is not None else 0
    if known != len(closed):
        raise AdxError(
            f"The published build knows {known} closed periods, the lake has {len(closed)}: "
            "its adjustments are not those that have to be booked.",
            remedy="Run `adx build` and `adx publish`, then close.",
            exit_code=ExitCode.CONFIGURATION,
        )


def _check_over(pin: Pin, period: str, end: date) -> None:
    over = datetime(end.year, end.month, end.day, tzinfo=UTC) + _LATEST_ZONE
    if pin.pinned_at < over:
        raise AdxError(
            f"{period} is in progress: it is over in all time zones at {over:%Y-%m-%d %H:%M} UTC, "
            f"and the published build has the lake as of {pin.pinned_at:%Y-%m-%d %H:%M} UTC.",
            remedy="Build and publish after that, then close.",
            exit_code=ExitCode.USAGE,
        )


def _check_order(published: Published, period: str, first: date, last: str | None) -> None:
    if last is not None and period < last:
        raise AdxError(
            f"{period} cannot be closed: {last}, which comes later, is closed already.",
            remedy="Nothing is to be done: what came for it since is an adjustment of the earliest "
            "open period.",
            exit_code=ExitCode.USAGE,
        )
    rows = published.ask(
        "select min(billing_period) from finance.fct_billing_periods "
        f"where period_status = 'open' and period_start_date < date '{first}'"
    )
    earlier = rows[0][0]
    if earlier is not None:
        raise AdxError(
            f"{period} cannot be closed before {earlier}, which is open and has lines.",
            remedy=f"Run `adx finance close --period {earlier}` first.",
            exit_code=ExitCode.USAGE,
        )


def _rows(published: Published, table: str, condition: str) -> list[tuple[Any, ...]]:
    """Rows of a mart in an order that depends on their content alone."""
    columns = ", ".join(_COLUMNS)
    rows = published.ask(f"select {columns} from {table} where {condition}")
    return sorted(rows, key=lambda row: [str(value or "") for value in row[:6]])
