"""Gaps: Kafka and producers lose records, and the stream halts until a person has accepted each."""

import random
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Final
from unittest.mock import patch

import orjson

from ingestion.adworld.hostile import ad_event
from ingestion.contracts import contract_for_topic
from ingestion.errors import AdxError, ExitCode
from ingestion.gaps import accept_gap, known_gaps, offsets
from ingestion.kafka.client import TOPICS
from ingestion.lake import Lake
from ingestion.settings import Settings
from ingestion.streaming.offsets import next_life
from tests.chaos.books import Difference, Entry
from tests.chaos.inprocess.driver import in_process
from tests.chaos.inprocess.streams import PARTITIONS, StreamScenario, run_stream

_NUMBERED: Final = "ad-events"
_PRODUCER: Final = "shop.0123456789abcdef0"
_MOST_STARTS: Final = 12

Planted = tuple[str, str, int | None, int | None, int | None]
"""Kind and table of a gap, its partition, and its first and next offset or number."""


class GapsScenario(StreamScenario):
    """Records expire, partitions are cut off, topics are made anew, numbers never come."""

    needs_operator = True

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        self.settings = self.settings.model_copy(update={"gap_hours": 0.0})
        self.planted: Counter[Planted] = Counter()
        self.ids = {topic: self.kafka.id_of(topic) for topic in TOPICS}
        self.cut: dict[tuple[str, int | None], int] = {}
        self._next_number = 0

    def send(self) -> None:
        is_first = not self.books.tables
        lossy = (self.rng.choice(TOPICS), self.rng.randrange(PARTITIONS))
        most = 6 if is_first else self._lose(*lossy)
        for topic in TOPICS:
            for partition in range(PARTITIONS):
                count = self.rng.randrange(3, 7)
                for _ in range(min(count, most) if (topic, partition) == lossy else count):
                    self._put(topic, partition, *self.events.next(topic))
        place = next(part for part in range(PARTITIONS) if (_NUMBERED, part) != lossy)
        self._put_numbered(place)
        if not is_first and self.rng.random() < 0.5:
            first, self._next_number = self._next_number, self._next_number + 2
            table = contract_for_topic(_NUMBERED).name
            self.planted["sequence", table, None, first, self._next_number] += 1
        self._put_numbered(place)

    def _lose(self, topic: str, partition: int) -> int:
        """Lose records of a topic; gives how many may follow there, so that it can be seen."""
        table = contract_for_topic(topic).name
        values = self.kafka.values[topic][partition]
        landed, earliest = len(values), self.kafka.earliest[topic][partition]
        kind = self.rng.choice(("expired", "truncated", "recreated"))
        if kind == "recreated":
            self.kafka.make(topic)
            self.ids[topic] = self.kafka.id_of(topic)
            self.planted[kind, table, None, None, None] += 1
        elif kind == "truncated" and landed - earliest > 1:
            lost = self.rng.randrange(2, min(5, landed - earliest + 1))
            del values[landed - lost :]
            self.ids[topic] = next_life(self.ids[topic])
            self.cut[table, partition] = len(values)
            self.planted[kind, table, partition, len(values), landed] += 1
            return lost - 1
        else:
            values += [(b"nobody reads this", None)] * self.rng.randrange(1, 4)
            self.kafka.earliest[topic][partition] = len(values)
            self.planted["expired", table, partition, landed, len(values)] += 1
        return 6

    def _put(self, topic: str, partition: int, value: bytes | None, entry: Entry) -> None:
        values = self.kafka.values[topic][partition]
        place = (self.ids[topic], str(partition), str(len(values)))
        self.books.send(contract_for_topic(topic).name, place, entry)
        values.append((value, None))

    def _put_numbered(self, partition: int) -> None:
        """An event of a producer that numbers its events."""
        self.events.number += 1
        amount = self.rng.randrange(10**9)
        event = ad_event(self.events.number) | {"producer_id": _PRODUCER, "seq": self._next_number}
        event["impression"]["clearing_price_micros"] = amount
        self._next_number += 1
        self._put(_NUMBERED, partition, orjson.dumps(event), Entry(event["event_id"], amount))

    def run(self) -> None:
        self.drain(self.settings)

    def drain(self, settings: Settings) -> None:
        """Start the stream until it finds nothing to land and nothing to halt for."""
        calm = 0
        for _ in range(_MOST_STARTS):
            try:
                run_stream(settings, self.kafka)
            except AdxError as error:
                if error.exit_code is not ExitCode.DATA:
                    raise
                calm = 0
                self._accept(settings)
            else:
                calm += 1
            if calm == 2:  # numbers are known to be missing when all that came later was landed
                return
        raise AssertionError(f"{_MOST_STARTS} starts were not enough")

    def _accept(self, settings: Settings) -> None:
        """What a person does: accept what is open."""
        lake = Lake.open(settings)
        lake.ensure_tables()
        with patch.object(offsets, "describe_topics", self.kafka.describe):
            for gap in known_gaps(lake):
                if gap.status != "open":
                    continue
                place = (gap.table, gap.kafka_partition)
                start = self.cut[place] if gap.kind == "truncated" else None
                accept_gap(settings, gap.gap_id, "planted by the test", start=start)
                self.operator += 1

    def check_more(self, lake: Lake, difference: Difference) -> None:
        super().check_more(lake, difference)
        gaps = known_gaps(lake)
        found = Counter(
            (gap.kind, gap.table, gap.kafka_partition, gap.first_number, gap.next_number)
            for gap in gaps
        )
        for gap in (found - self.planted).elements():
            difference.add("phantom", 1, f"gap {gap}")
        for gap in (self.planted - found).elements():
            difference.add("lost", 1, f"gap {gap}")
        difference.notes += [f"{gap.message} is open" for gap in gaps if gap.status == "open"]
        rows = Counter((row["gap_id"], row["status"]) for row in lake.read_ops("gaps").to_pylist())
        difference.notes += [f"gap {row} is there twice" for row in rows if rows[row] > 1]


class OvertakenGaps(GapsScenario):
    """Two streams, and two persons, at one gap."""

    needs_operator = True

    def run(self) -> None:
        # two hosts have no lock in common: the fence alone decides
        with patch.object(Lake, "writer_lock", lambda *_: nullcontext()):
            super().run()

    def overtake(self) -> None:
        elsewhere = self.settings.model_copy()
        elsewhere.__dict__["checkpoints"] = self.settings.home / "other-host"
        self.drain(elsewhere)


in_process("gaps", smoke=10, full=120, renew=20)(GapsScenario)
in_process("gaps overtaken", smoke=6, full=40, actions=("overtaken",), doubles=0, renew=20)(
    OvertakenGaps
)
