"""The stream, with its own planning, landing, ledger and fence; Spark and Kafka stand in memory."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

import orjson
import pyarrow as pa
from pyspark.sql.streaming.datasource import ReadMaxRows

from ingestion.adworld.hostile import ad_event, hostile_cases, user_event
from ingestion.contracts import contract_for_topic
from ingestion.kafka.client import TOPICS, Topic
from ingestion.lake import Lake
from ingestion.settings import Settings
from ingestion.streaming import query, task
from ingestion.streaming.consume import Records
from ingestion.streaming.plan import DriverState, QueryPlan, TaskRange, unwrap_error
from ingestion.streaming.query import TopicStream
from ingestion.streaming.source import TopicReader
from tests.chaos.books import ANY, Difference, Entry
from tests.chaos.inprocess.driver import in_process
from tests.chaos.inprocess.home import LakeScenario

PARTITIONS: Final = 2
BATCH: Final = 12
"""Records of a micro-batch, so that what comes between two faults takes several."""
LATE_DAYS: Final = 400
RESENT_DAYS: Final = 30


class MemoryKafka:
    """Topics in memory."""

    def __init__(self) -> None:
        self.values: dict[str, list[list[tuple[bytes | None, str | None]]]] = {}
        self.earliest: dict[str, dict[int, int]] = {}
        self._made: Counter[str] = Counter()
        for topic in TOPICS:
            self.make(topic)

    def make(self, topic: str) -> None:
        """Make a topic; one that is there is deleted before."""
        self.values[topic] = [[] for _ in range(PARTITIONS)]
        self.earliest[topic] = dict.fromkeys(range(PARTITIONS), 0)
        self._made[topic] += 1

    def id_of(self, topic: str) -> str:
        """The UUID of a topic."""
        number = str(self._made[topic] - 1 or "")
        return f"{topic}{number:_>{22 - len(topic)}}"

    def describe(self, _: Settings, names: Any = TOPICS) -> list[Topic]:
        """What `describe_topics` gives."""
        return [
            Topic(
                name,
                self.id_of(name),
                dict(self.earliest[name]),
                {part: len(values) for part, values in enumerate(self.values[name])},
            )
            for name in names
        ]

    def consume(
        self, _: Settings, topic: str, wanted: TaskRange, *, with_event_ids: bool
    ) -> Iterator[Records]:
        """What `consume_range` gives."""
        assert wanted.start >= self.earliest[topic][wanted.partition], "expired records are read"
        records = self.values[topic][wanted.partition][wanted.start : wanted.end]
        yield Records(
            pa.array([value for value, _ in records], pa.binary()),
            pa.array(range(wanted.start, wanted.end), pa.int64()),
            pa.array([header for _, header in records], pa.string()) if with_event_ids else None,
        )


class StreamWithoutSpark(TopicStream):
    """Runs a query as Spark does: plan a batch, let tasks read it, land what they describe."""

    def _run_query(self, spark: Any, plan: QueryPlan) -> BaseException | None:
        self._batch_error = None
        self._reached = dict(plan.start)
        DriverState(plan).write(self._lake.head(self._contract).ingest_seq)
        reader = TopicReader(plan)
        start = reader.initialOffset()
        limit = ReadMaxRows(plan.most_records)
        try:
            while (end := reader.latestOffset(start, limit)) != start:
                rows = [
                    SimpleNamespace(descriptor=text)
                    for part in reader.partitions(start, end)
                    for (text,) in reader.read(part)
                ]
                self._land(plan, SimpleNamespace(collect=lambda found=rows: found))
                start = end
        except Exception as error:  # noqa: BLE001 - as Spark gives it
            return self._batch_error or unwrap_error(str(error)) or error
        return None


def run_stream(settings: Settings, kafka: MemoryKafka) -> None:
    """Drain the topics, as `ingestion.streaming.run_stream` does."""
    with (
        patch.object(query, "describe_topics", kafka.describe),
        patch.object(task, "consume_range", kafka.consume),
        ExitStack() as stack,
    ):
        lake = Lake.open(settings)
        lake.ensure_tables()
        streams = []
        for topic in TOPICS:
            contract = contract_for_topic(topic)
            stack.enter_context(lake.writer_lock(contract))
            stream = StreamWithoutSpark(
                settings, lake, contract, topic, once=True, landed=lambda *_: None
            )
            stream.recover()
            streams.append(stream)
        for stream in streams:
            stream.run(None)


_HOSTILE = {
    topic: [
        case for case in hostile_cases(contract_for_topic(topic).name) if case.reason != "oversize"
    ]
    for topic in TOPICS
}


class Events:
    """Makes records of both topics: lawful, sent again, late, hostile and fuzz."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.number = 0
        self._sent: list[tuple[str, bytes, Entry]] = []

    def next(self, topic: str) -> tuple[bytes | None, Entry]:
        """A record, and what the lake must make of it."""
        self.number += 1
        kind = self.rng.random()
        before = [one for one in self._sent[-60:] if one[0] == topic]
        if kind < 0.1 and before:
            _, value, entry = self.rng.choice(before)
            return value, entry
        if kind < 0.2:
            case = self.rng.choice(_HOSTILE[topic])
            return case.build(self.number), Entry(None, None, case.reason)
        if kind < 0.25:
            return self.rng.randbytes(self.rng.randrange(1, 60)), Entry(ANY)
        value, entry = self._lawful(topic)
        self._sent.append((topic, value, entry))
        return value, entry

    def _lawful(self, topic: str) -> tuple[bytes, Entry]:
        amount = self.rng.randrange(10**9)
        days = self.rng.choice((0, 0, 0, 1, RESENT_DAYS, LATE_DAYS))
        day = {0: "2026-03-28", 1: "2026-03-27", RESENT_DAYS: "2026-02-26"}.get(days, "2025-02-21")
        if topic == "ad-events":
            event = ad_event(self.number)
            event["event_ts"] = f"{day}T12:00:00.000Z"
            event["impression"]["clearing_price_micros"] = amount
            if self.rng.random() < 0.1:
                event["a_field_of_tomorrow"] = {"drift": self.number}
            return orjson.dumps(event), Entry(event["event_id"], amount)
        event = user_event(self.number)
        event |= {"timestamp": f"{day}T12:00:00Z", "event_name": str(amount)}
        return orjson.dumps(event), Entry(event["event_id"], amount)


class StreamScenario(LakeScenario):
    """Two topics that are drained."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        self.settings = self.settings.model_copy(update={"stream_batch_records": BATCH})
        self.kafka = MemoryKafka()
        self.events = Events(rng)

    def send(self) -> None:
        for topic in TOPICS:
            table = contract_for_topic(topic).name
            for partition in range(PARTITIONS):
                values = self.kafka.values[topic][partition]
                for _ in range(self.rng.randrange(3, 7)):
                    value, entry = self.events.next(topic)
                    place = (self.kafka.id_of(topic), str(partition), str(len(values)))
                    self.books.send(table, place, entry)
                    values.append((value, None))

    def run(self) -> None:
        run_stream(self.settings, self.kafka)

    def check_more(self, lake: Lake, difference: Difference) -> None:
        super().check_more(lake, difference)
        ledger = lake.read_ops("run_ledger").to_pylist()
        for topic in TOPICS:
            table = contract_for_topic(topic).name
            read = sum(row["read"] for row in ledger if row["subject"] == table)
            sent = len(self.books.tables[table])
            if read != sent:
                difference.add("wrong", 1, f"the ledger has read {read} of {table}, not {sent}")


class OvertakenStream(StreamScenario):
    """A driver that stood still while another one took over, and goes on: a zombie."""

    def run(self) -> None:
        # two hosts have no lock in common: the fence alone decides
        with patch.object(Lake, "writer_lock", lambda *_: nullcontext()):
            super().run()

    def overtake(self) -> None:
        elsewhere = self.settings.model_copy()
        elsewhere.__dict__["checkpoints"] = self.settings.home / "other-host"
        elsewhere.__dict__["home"] = self.settings.home
        run_stream(elsewhere, self.kafka)


in_process("stream", smoke=36, full=240)(StreamScenario)
in_process("stream overtaken", smoke=10, actions=("overtaken",), doubles=0)(OvertakenStream)
