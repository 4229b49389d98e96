"""Gaps of numbers: what a producer has numbered and never arrived.

A producer with a journal numbers its events without a gap, so a number that is missing between two
that are landed is an event that is not landed (yet). Rows are read once, after the commit that
brought them: what has been seen of each producer (the next number, and the holes below it) stands
in a property of `ops.gaps` and moves in the very commit that notes or closes gaps, so a look that
was killed, or two at once, count nothing twice.

A hole is no gap yet. Partitions are landed at their own pace, a partition without a leader holds up
its share, a producer that died sends what it owes when it is back. It is noted when all of this
holds (docs/decisions/adr-0021-gaps-that-somebody-answers-for.md):

- everything is landed that the topic held so many hours after a later number had been landed;
- no failed row explains it.

It is closed again when its numbers arrive. It halts the stream only behind what there is to land:
a stream that did not land would never see them.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from ingestion.contracts import Contract
from ingestion.errors import AdxError
from ingestion.failed.records import failed_records, is_erased, payload_of, payload_tokens
from ingestion.failpoints import failpoint
from ingestion.gaps.notes import SEQUENCE, Gap, Row, close_rows, gaps_of, halted, new_row
from ingestion.lake import Lake, TableHead
from ingestion.lake.duckdb import connect, relation_sql
from ingestion.lake.ops_store import Update
from ingestion.landing import KeyStore
from ingestion.settings import Settings

SEEN: Final = "adx.numbers"
JOURNAL_ID: Final = r"\.[0-9a-f]{17}$"
"""How the `producer_id` of a journal ends. Others number as they like: the numbers of a sender that
has no journal prove nothing."""

_MOST_HOLES: Final = 32 * 1024
"""Holes a producer may have one by one; the older ones become runs of which the count is known. It
has half as many records under way at most, so that what is only late is no run."""
_RECORDS: Final = 1000
"""Failed records whose payloads are in memory at once."""
_REMEDY: Final = "Start that producer: it sends what its journal holds, and the gap closes."

Island = tuple[str, int, int, float]
"""Producer, first and last of some consecutive numbers, and when they were landed (epoch s)."""


@dataclass
class Hole:
    """Numbers that have not arrived.

    Attributes:
        first: First of them.
        last: Last of them.
        seen: When a later number was landed, in seconds since 1970.
        gap: The gap that it was noted in; empty if in none.
        missing: How many are missing; fewer than the numbers between where holes were put together.
    """

    first: int
    last: int
    seen: float
    gap: str
    missing: int

    @property
    def is_run(self) -> bool:
        """Whether some numbers between are there; nobody knows which."""
        return self.missing <= self.last - self.first


@dataclass
class Line:
    """What has been seen of a producer: all numbers below `next` but those in the holes."""

    next: int = 0
    holes: list[Hole] = field(default_factory=list)

    def add(self, first: int, last: int, seen: float) -> None:
        """Consecutive numbers that were landed."""
        if first > self.next:
            self.holes.append(Hole(self.next, first - 1, seen, "", first - self.next))
        elif self.holes:
            self._fill(first, last)
        self.next = max(self.next, last + 1)

    def _fill(self, first: int, last: int) -> None:
        begin = bisect_left(self.holes, first, key=lambda hole: hole.last)
        end = bisect_right(self.holes, last, key=lambda hole: hole.first)
        holes = []
        for hole in self.holes[begin:end]:
            if hole.is_run:
                holes.append(hole)
                continue
            if hole.first < first:
                holes.append(Hole(hole.first, first - 1, hole.seen, hole.gap, first - hole.first))
            if last < hole.last:
                holes.append(Hole(last + 1, hole.last, hole.seen, hole.gap, hole.last - last))
        self.holes[begin:end] = holes

    def bound(self) -> None:
        """Put the older half of too many holes together, those of one gap each."""
        if len(self.holes) <= _MOST_HOLES:
            return
        old, new = self.holes[: -_MOST_HOLES // 2], self.holes[-_MOST_HOLES // 2 :]
        runs: list[Hole] = []
        for hole in old:
            if runs and runs[-1].gap == hole.gap:
                run = runs[-1]
                run.last, run.missing = hole.last, run.missing + hole.missing
                run.seen = max(run.seen, hole.seen)
            else:
                runs.append(hole)
        self.holes = runs + new


@dataclass
class Seen:
    """What has been seen of a table.

    Attributes:
        through: `_ingest_seq` of the newest rows that were looked at.
        lines: By producer.
    """

    through: int = 0
    lines: dict[str, Line] = field(default_factory=dict)

    def add(self, islands: Iterable[Island]) -> None:
        """Numbers that were landed."""
        for producer, first, last, seen in islands:
            self.lines.setdefault(producer, Line()).add(first, last, seen)
        for line in self.lines.values():
            line.bound()

    def holes(self, chosen: Callable[[Hole], bool]) -> dict[str, list[Hole]]:
        """Holes by producer, without producers that have none."""
        found = {name: list(filter(chosen, line.holes)) for name, line in self.lines.items()}
        return {name: holes for name, holes in found.items() if holes}

    def forget(self, gap_ids: set[str]) -> None:
        """Count the holes of accepted gaps as if their numbers had arrived."""
        for line in self.lines.values():
            line.holes = [hole for hole in line.holes if hole.gap not in gap_ids]

    def to_json(self) -> Any:
        """Plain values."""
        lines = {
            name: [line.next, [[*vars(hole).values()] for hole in line.holes]]
            for name, line in self.lines.items()
        }
        return [self.through, lines]

    @classmethod
    def from_json(cls, value: Any) -> "Seen":
        """Read what `to_json` gave."""
        through, lines = value
        return cls(
            through,
            {
                name: Line(following, [Hole(*hole) for hole in holes])
                for name, (following, holes) in lines.items()
            },
        )


def is_numbered(contract: Contract) -> bool:
    """Whether the rows of a table carry the numbers of their producers."""
    return {"producer_id", "seq"} <= {one.name for one in contract.fields}


class Numbers:
    """Looks at the numbers of a table's producers.

    Args:
        settings: Says after how many hours a hole is a gap.
        lake: The lake.
        contract: Contract of the table; `is_numbered`.
    """

    def __init__(self, settings: Settings, lake: Lake, contract: Contract) -> None:
        self._settings = settings
        self._lake = lake
        self._contract = contract

    def look(self, complete_at: datetime | None) -> list[Gap]:
        """Look at the rows that are new, note and close gaps.

        Args:
            complete_at: Everything is landed that the topic held at this time; None: nobody knows.

        Returns:
            The gaps that are open now.
        """
        head = self._lake.head(self._contract)

        def plan(rows: pa.Table, properties: Mapping[str, str]) -> Update | None:
            seen = self._seen(properties)
            before = json.dumps(seen.to_json())
            known = [gap for gap in gaps_of(rows) if self._is_own(gap)]
            seen.add(self._islands(head, seen.through))
            seen.through = head.ingest_seq  # also back: a restored lake lands its rows again
            seen.forget({gap.gap_id for gap in known if gap.status == "accepted"})
            news = self._close(seen, known)
            if complete_at is not None:
                news += self._note(seen, known, head, complete_at)
            if not news and json.dumps(seen.to_json()) == before:
                return None
            failpoint("gaps.before_numbers")
            return news, self._properties(properties, seen)

        self._lake.update_ops("gaps", plan)
        failpoint("gaps.after_numbers")
        return [
            gap
            for gap in gaps_of(self._lake.read_ops("gaps"))
            if self._is_own(gap) and gap.status == "open"
        ]

    @staticmethod
    def halt(gaps: Sequence[Gap]) -> AdxError:
        """The error that ends a stream that has landed all there is, before open gaps."""
        return halted(gaps, _REMEDY)

    def _is_own(self, gap: Gap) -> bool:
        return gap.table == self._contract.name and gap.kind == SEQUENCE

    def _seen(self, properties: Mapping[str, str]) -> Seen:
        value = json.loads(properties.get(SEEN, "{}")).get(self._contract.name)
        return Seen() if value is None else Seen.from_json(value)

    def _properties(self, properties: Mapping[str, str], seen: Seen) -> dict[str, str]:
        values = json.loads(properties.get(SEEN, "{}"))
        return {SEEN: json.dumps({**values, self._contract.name: seen.to_json()})}

    def _islands(self, head: TableHead, after: int) -> list[Island]:
        """Consecutive numbers in the rows of newer commits; other files are not opened."""
        if head.ingest_seq <= after:
            return []
        with connect(self._settings) as connection:
            found: list[Island] = connection.execute(
                f"""
                with numbers as (
                    select producer_id, seq, min(_loaded_at) as loaded_at
                    from ({relation_sql(self._contract, head.metadata_location, "good")})
                    where _ingest_seq > {after} and regexp_matches(producer_id, '{JOURNAL_ID}')
                    group by all
                ),
                islands as (
                    select producer_id, seq, loaded_at,
                        seq - row_number() over (partition by producer_id order by seq) as island
                    from numbers
                )
                select producer_id, min(seq), max(seq), epoch(min(loaded_at))
                from islands
                group by producer_id, island
                order by producer_id, min(seq)
                """
            ).fetchall()
        return found

    def _close(self, seen: Seen, known: Sequence[Gap]) -> list[Row]:
        still = {hole.gap for line in seen.lines.values() for hole in line.holes}
        filled = [gap for gap in known if gap.status == "open" and gap.gap_id not in still]
        return close_rows(filled, "its numbers have arrived")

    def _note(
        self, seen: Seen, known: Sequence[Gap], head: TableHead, complete_at: datetime
    ) -> list[Row]:
        """Note what is missing for too long, one gap a producer."""
        hours = self._settings.gap_hours
        latest = complete_at.timestamp() - timedelta(hours=hours).total_seconds()

        def is_late(hole: Hole) -> bool:
            return not hole.gap and hole.seen <= latest

        late = seen.holes(is_late)
        if late:
            seen.add(self._failed(head, late))
            late = seen.holes(is_late)
        rows = []
        for producer, holes in late.items():
            first, last = holes[0].first, holes[-1].last
            missing = sum(hole.missing for hole in holes)
            found = {
                "kind": SEQUENCE,
                "producer_id": producer,
                "first_number": first,
                "next_number": last + 1,
                "missing_count": missing,
                "message": (
                    f"Of the numbers {first} to {last} of producer {producer}, {missing} have not "
                    f"arrived in {self._contract.name} {hours:g} hours after later ones."
                ),
            }
            row = new_row(self._contract, known, f"{SEQUENCE}|{producer}|{first}", found)
            rows.append(row)
            for hole in holes:
                hole.gap = row["gap_id"]
        return rows

    def _failed(self, head: TableHead, late: Mapping[str, Sequence[Hole]]) -> list[Island]:
        """Numbers of failed records among some that are missing: they are landed, as failed rows.

        The journal lets no record in that breaks the contract, but a producer may know a newer one.
        """
        keys = KeyStore(self._settings.keys)
        location = head.metadata_location
        found: list[Island] = []
        with connect(self._settings) as connection:
            records = failed_records(connection, self._contract, location)
            for begin in range(0, len(records), _RECORDS):
                some = records[begin : begin + _RECORDS]
                tokens = payload_tokens(connection, self._contract, location, some)
                for record in some:
                    producer, number = _number_of(_payload(keys, tokens[record.failed_id]))
                    if any(hole.first <= number <= hole.last for hole in late.get(producer, ())):
                        seen = record.loaded_at.timestamp()
                        found.append((producer, number, number, seen))
        return found


def _payload(keys: KeyStore, token: str | None) -> bytes | None:
    try:
        return payload_of(keys, token)
    except AdxError as error:
        if is_erased(error):
            return None
        raise


def _number_of(payload: bytes | None) -> tuple[str, int]:
    """Producer and number in a record that broke its contract; nobody's, if it does not tell."""
    try:
        record = json.loads(payload or b"")
        producer, number = record["producer_id"], record["seq"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", 0
    if isinstance(producer, str) and type(number) is int:
        return producer, number
    return "", 0
