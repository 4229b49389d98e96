"""The notes of gaps in `ops.gaps`: found, then accepted by somebody or closed by itself.

A gap has one row a status. What becomes of it is decided by the commit that adds the row: the rows
are read from the very table that is committed to, so of two who decide at once, one has decided and
the other one sees it.
"""

import getpass
import hashlib
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa

from ingestion.contracts import Contract
from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake import Lake

Row = dict[str, Any]

OFFSET_KINDS: Final = ("expired", "truncated", "recreated")
SEQUENCE: Final = "sequence"


@dataclass(frozen=True)
class Gap:
    """A gap, and what became of it.

    Attributes:
        gap_id: Names it for good.
        status: `open`, `accepted` or `closed`.
        kind: `expired`, `truncated`, `recreated` or `sequence`.
        source: Source of the raw table.
        table_name: Table of the source.
        topic: Name of the topic, for gaps of offsets.
        topic_id: The topic as the lake knows it; of a recreated one its new id.
        kafka_partition: Partition, for gaps of offsets.
        producer_id: Producer, for gaps of its numbers.
        first_number: First offset or number that is missing; for a truncated partition the offset
            from which it is read again.
        next_number: The offset or number after the last one that is missing; for a truncated
            partition the offset up to which the lake holds what was there before.
        missing_count: How many are missing; None where nobody can know.
        message: What was found.
        reason: Why it was accepted or closed.
        decided_by: Who accepted it.
        opened_at: When it was found.
        noted_at: When it got its status.
    """

    gap_id: str
    status: str
    kind: str
    source: str
    table_name: str
    topic: str | None
    topic_id: str | None
    kafka_partition: int | None
    producer_id: str | None
    first_number: int | None
    next_number: int | None
    missing_count: int | None
    message: str
    reason: str | None
    decided_by: str | None
    opened_at: datetime
    noted_at: datetime

    @property
    def table(self) -> str:
        """The raw table, as `<source>.<table>`."""
        return f"{self.source}.{self.table_name}"

    def row(self, status: str, **decided: Any) -> Row:
        """The row that gives it a status."""
        values = {name: value for name, value in asdict(self).items() if name != "opened_at"}
        return {**values, "status": status, "noted_at": datetime.now(UTC), **decided}


def known_gaps(lake: Lake, contract: Contract | None = None) -> list[Gap]:
    """Every gap that was noted, the oldest first.

    Args:
        lake: The lake.
        contract: Only those of this table.
    """
    gaps = gaps_of(lake.read_ops("gaps"))
    return [gap for gap in gaps if contract is None or gap.table == contract.name]


def gaps_of(rows: pa.Table) -> list[Gap]:
    """The gaps that rows of `ops.gaps` tell of, the oldest first."""
    by_id: dict[str, dict[str, Row]] = {}
    for row in rows.drop_columns(["row_key"]).to_pylist():
        by_id.setdefault(row["gap_id"], {})[row["status"]] = row
    gaps = []
    for statuses in by_id.values():
        opened = statuses["open"]["noted_at"]
        newest = max(statuses.values(), key=lambda row: (row["status"] != "open", row["noted_at"]))
        gaps.append(Gap(**newest, opened_at=opened))
    return sorted(gaps, key=lambda gap: (gap.opened_at, gap.gap_id))


def find_gap(lake: Lake, gap_id: str) -> Gap:
    """A gap by its id.

    Raises:
        AdxError: There is none.
    """
    for gap in known_gaps(lake):
        if gap.gap_id == gap_id:
            return gap
    raise AdxError(
        f"There is no gap {gap_id}.",
        remedy="`adx gaps list` shows the ids of all.",
        exit_code=ExitCode.USAGE,
    )


def new_row(
    contract: Contract, gaps: Sequence[Gap], identity: str, found: Mapping[str, Any]
) -> Row:
    """The row that opens a gap.

    Args:
        contract: Contract of its table.
        gaps: All gaps that are known.
        identity: Tells it from all others that may be there at the same time. One that was closed
            and comes again is another gap.
        found: What is known of it, by column.
    """
    number = 0
    closed = {gap.gap_id for gap in gaps if gap.status == "closed"}
    while (gap_id := _id(contract.name, identity, number)) in closed:
        number += 1
    return {
        "gap_id": gap_id,
        "status": "open",
        "source": contract.source,
        "table_name": contract.table,
        "noted_at": datetime.now(UTC),
        **found,
    }


def accept(
    lake: Lake,
    gap_id: str,
    reason: str,
    by: str | None = None,
    change: Callable[[Gap], Mapping[str, Any]] = lambda _: {},
) -> tuple[Gap, bool]:
    """Decide that the stream goes on over a gap.

    Args:
        lake: The lake.
        gap_id: The gap.
        reason: Why; kept in clear.
        by: Who says so; by default the user of this process.
        change: What is known better of the gap than when it was found, by column.

    Returns:
        The gap, and whether it is this call that has accepted it; a gap that was accepted before
        stays as it is.

    Raises:
        AdxError: There is no reason, no such gap, or it has closed.
    """
    if not reason.strip():
        raise AdxError(
            "Accepting a gap needs a reason.",
            remedy="Say why with --reason; it is kept beside the gap.",
            exit_code=ExitCode.USAGE,
        )
    better = change(find_gap(lake, gap_id))

    def plan(rows: pa.Table, _: Mapping[str, str]) -> tuple[list[Row], dict[str, str]] | None:
        gap = next(gap for gap in gaps_of(rows) if gap.gap_id == gap_id)
        if gap.status == "closed":
            raise AdxError(
                f"Gap {gap_id} has closed: {gap.reason}.",
                remedy="There is nothing to accept; run the stream.",
                exit_code=ExitCode.USAGE,
            )
        if gap.status == "accepted":
            return None
        decided = {"reason": reason.strip(), "decided_by": by or _user(), **better}
        return [gap.row("accepted", **decided)], {}

    failpoint("gaps.before_accept")
    added = lake.update_ops("gaps", plan)
    failpoint("gaps.after_accept")
    return find_gap(lake, gap_id), bool(added)


def close_rows(gaps: Iterable[Gap], why: str) -> list[Row]:
    """The rows that close gaps."""
    return [gap.row("closed", reason=why, decided_by=None) for gap in gaps]


def halted(gaps: Sequence[Gap], remedy: str) -> AdxError:
    """The error that halts a stream before open gaps.

    Args:
        gaps: The open gaps, at least one.
        remedy: How nothing is lost.
    """
    first, *others = gaps
    more = f" (and {len(others)} more: `adx gaps list`)" if others else ""
    ids = " ".join(gap.gap_id for gap in gaps[:_NAMED])
    return AdxError(
        f"{first.message}{more}",
        remedy=f"{remedy} Or go on without them: `adx gaps accept {ids} --reason ...`.",
        exit_code=ExitCode.DATA,
    )


_NAMED: Final = 10


def _id(table: str, identity: str, number: int) -> str:
    return hashlib.sha256(f"{table}|{identity}|{number}".encode()).hexdigest()[:12]


def _user() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        name = f"uid {os.getuid()}"
    return f"{name}@{socket.gethostname()}"
