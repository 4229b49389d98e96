"""Checks the first link of the chain: what producers acknowledged has come into the lake.

For every journal on this machine (`ingestion.producers`):

1. accepted = acknowledged by Kafka + still to send, by the journal alone;
2. acknowledged = landed + given up (accepted gaps) + failed + still in Kafka, each number at least
   once: `ad_events` carries `(producer_id, seq)`. Other topics have their numbers in record headers
   alone; of those the events that the journal still has are looked for by their ids;
3. the lake has no number of the producer that its journal never gave.

What the lake has is counted with a bit a number, over two columns of one table. Only where numbers
are missing are failed rows decrypted and the unread end of the topic consumed.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import orjson
import pyarrow as pa

from ingestion.contracts import Contract, contract_for_topic
from ingestion.errors import AdxError
from ingestion.failed import failed_records, payload_of
from ingestion.failed.records import is_erased, payload_tokens
from ingestion.gaps import Gap, known_gaps
from ingestion.gaps.notes import SEQUENCE
from ingestion.kafka.client import describe_topics
from ingestion.lake import Lake, TableHead
from ingestion.lake.duckdb import relation_sql
from ingestion.landing import KeyStore
from ingestion.producers.inspection import JournalState, inspect, journals
from ingestion.settings import Settings
from ingestion.streaming.consume import consume_range
from ingestion.streaming.offsets import current_id
from ingestion.streaming.plan import TaskRange
from orchestration.warehouse.verdict import Check, Failure, equal

Connection = duckdb.DuckDBPyConnection
Key = Hashable
"""What tells an event of a journal in the lake: its number, or its id."""

_BLOCK: Final = 1_000_000
"""Numbers that are counted in one row of bits (125 kB)."""


@dataclass
class _Search:
    """Events of a journal that have not been found yet.

    Attributes:
        wanted: Their numbers, by what tells them.
        found: How many were found, by where.
        problem: Why not all places could be looked at.
    """

    wanted: dict[Key, int]
    found: dict[str, int] = field(default_factory=dict)
    problem: str = ""

    def look(self, place: str, keys: Iterable[Key]) -> None:
        """Find what a place has; a hostile record may have anything for a key."""
        there = 0
        for key in keys:
            if type(key) in (int, str):
                there += self.wanted.pop(key, None) is not None
        self.found[place] = there


def journal_checks(settings: Settings, lake: Lake, connection: Connection) -> Iterator[Check]:
    """The checks of every journal on this machine; read-only, beside producers that are running.

    Args:
        settings: Where journals and the broker are.
        lake: The lake.
        connection: One that can read the lake.
    """
    for folder in journals(settings):
        contract = contract_for_topic(folder.name)
        is_numbered = {"producer_id", "seq"} <= {one.name for one in contract.fields}
        try:
            # The journal before the lake: what it says of Kafka was there when the lake is asked.
            state = inspect(folder, with_ids=not is_numbered)
        except AdxError as error:
            name = f"journal {folder.parent.name}/{folder.name}: it can be read"
            yield Check(name, Failure(name, str(folder), "a journal", error.message))
            continue
        head = lake.head(contract)
        gaps = [gap for gap in known_gaps(lake, contract) if gap.status == "accepted"]
        journal = _Journal(settings, head, connection, folder, contract, state, gaps)
        yield journal.is_whole()
        if is_numbered:
            yield journal.numbers_arrived()
            yield journal.no_others()
        else:
            yield journal.ids_arrived()


@dataclass(frozen=True)
class _Journal:
    """A journal, and where its events may be."""

    settings: Settings
    head: TableHead
    connection: Connection
    folder: Path
    contract: Contract
    state: JournalState
    gaps: Sequence[Gap]

    def is_whole(self) -> Check:
        """What was taken is acknowledged by Kafka or can be read."""
        state = self.state
        name = self._name("accepted = acknowledged + to send")
        if state.problem is not None:
            found = Failure(name, str(self.folder), "readable records", state.problem)
            return Check(name, found)
        return equal(
            name,
            str(self.folder),
            f"{state.accepted} events",
            f"{state.acknowledged + state.to_send} events",
        )

    def numbers_arrived(self) -> Check:
        """Every number that Kafka acknowledged is somewhere behind it."""
        end = self.state.acknowledged
        own = f"({self._good()}) where producer_id = $producer and seq >= $first and seq < $end"
        asked = {"producer": self.state.producer_id, "first": 0, "end": end}
        counted = self.connection.execute(
            f"""
            select seq // {_BLOCK} as block,
                bit_count(bitstring_agg(seq % {_BLOCK}, 0, {_BLOCK - 1}))
            from {own} group by 1
            """,
            asked,
        ).fetchall()
        landed = {int(block): int(count) for block, count in counted}
        missing: set[int] = set()
        for first in range(0, end, _BLOCK):
            block = range(first, min(first + _BLOCK, end))
            if landed.get(first // _BLOCK, 0) < len(block):
                bounds = {"first": block.start, "end": block.stop}
                rows = self.connection.execute(f"select distinct seq from {own}", asked | bounds)
                missing |= set(block) - {seq for (seq,) in rows.fetchall()}
        search = _Search({number: number for number in missing}, {"landed": sum(landed.values())})
        given_up = self._given_up()
        search.look("given up", [n for n in missing if any(n in span for span in given_up)])

        def number_of(record: Mapping[str, Any]) -> Key:
            return record.get("seq") if record.get("producer_id") == asked["producer"] else None

        return self._arrived(search, end, number_of)

    def _given_up(self) -> list[range]:
        """Numbers that somebody has accepted to go on without (`ops.gaps`)."""
        return [
            range(gap.first_number or 0, gap.next_number or 0)
            for gap in self.gaps
            if gap.kind == SEQUENCE and gap.producer_id == self.state.producer_id
        ]

    def ids_arrived(self) -> Check:
        """Every event that Kafka acknowledged and that is still in the journal is behind it."""
        kept = self.state.kept
        (column,) = (one.column for one in self.contract.fields if one.name == "event_id")
        search = _Search({event_id: number for number, event_id in kept.items()})
        self.connection.register("wanted", pa.table({"id": pa.array(kept.values(), pa.string())}))
        try:
            rows = self.connection.execute(
                f"select id from wanted semi join ({self._good()}) as landed "
                f"on wanted.id = landed.{column}"
            ).fetchall()
        finally:
            self.connection.unregister("wanted")
        search.look("landed", (event_id for (event_id,) in rows))
        return self._arrived(search, len(kept), lambda record: record.get("event_id"))

    def no_others(self) -> Check:
        """The lake has no number that the journal never gave."""
        name = self._name("no other number is in the lake")
        first, last = self.connection.execute(
            f"select min(seq), max(seq) from ({self._good()}) where producer_id = ?",
            [self.state.producer_id],
        ).fetchall()[0]
        if last is None:
            return Check(name)
        accepted = self.state.accepted
        if last >= accepted:
            # it may have given more since it was read
            accepted = inspect(self.folder).accepted
        wrong = first if first < 0 else last
        if 0 <= wrong < accepted:
            return Check(name)
        return Check(
            name, Failure(name, f"number {wrong}", f"numbers below {accepted}", str(wrong))
        )

    def _name(self, what: str) -> str:
        return f"journal {self.state.producer}/{self.state.topic}: {what}"

    def _good(self) -> str:
        return relation_sql(self.contract, self.head.metadata_location, "good")

    def _arrived(
        self, search: _Search, acknowledged: int, key_of: Callable[[Mapping[str, Any]], Key]
    ) -> Check:
        """Look for what is not among the good rows, place by place, while anything is missing."""
        name = self._name("acknowledged = landed + given up + failed + in Kafka")
        for place, values in (("failed", self._failed_values), ("in Kafka", self._unread_values)):
            if not search.wanted:
                return Check(name)
            try:
                search.look(place, (key_of(_record(value)) for value in values()))
            except AdxError as error:
                search.problem = f"; {place}: {error.message}"
        if not search.wanted:
            return Check(name)
        missing = sorted(search.wanted.values())
        found = ", ".join(f"{count} {place}" for place, count in search.found.items())
        return Check(
            name,
            Failure(
                name,
                f"number {missing[0]}",
                f"{acknowledged} events",
                f"{acknowledged - len(missing)} ({found}{search.problem})",
                len(missing) - 1,
            ),
        )

    def _failed_values(self) -> Iterator[bytes | None]:
        keys = KeyStore(self.settings.keys)
        location = self.head.metadata_location
        records = failed_records(self.connection, self.contract, location)
        tokens = payload_tokens(self.connection, self.contract, location, records)
        for token in tokens.values():
            try:
                yield payload_of(keys, token)
            except AdxError as error:
                if not is_erased(error):
                    raise

    def _unread_values(self) -> Iterator[bytes | None]:
        """The records of the topic that are not landed yet."""
        (topic,) = describe_topics(self.settings, [self.state.topic])
        committed = self.head.claims.stream
        landed = committed.get(current_id(topic.topic_id, committed), {})
        for partition, end in sorted(topic.end.items()):
            start = max(landed.get(partition, 0), topic.earliest[partition])
            if start >= end:
                continue
            task = TaskRange(partition, start, end, 0, datetime.now(UTC))
            for some in consume_range(self.settings, topic.name, task, with_event_ids=False):
                yield from some.values.to_pylist()


def _record(value: bytes | None) -> Mapping[str, Any]:
    """A record as it was sent; one that is no JSON object tells nothing."""
    try:
        record = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    return record if isinstance(record, dict) else {}
