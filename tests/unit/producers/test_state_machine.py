"""A producer against a model, through crashes that lose what was not synced.

Whatever happens in whatever order: what was acknowledged to a caller reaches Kafka, under the
number and id of its receipt; a number has one text for ever; there is no gap; ids grow with the
numbers.
"""

import contextlib
import os
import shutil
import tempfile
from concurrent.futures import Future
from pathlib import Path
from random import Random
from typing import Any

import orjson
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ingestion.errors import AdxError
from ingestion.producers.producer import BackPressureError, Producer, Receipt
from tests.unit.producers.stand_ins import (
    Broker,
    CrashingDisk,
    headers_of,
    settings_of,
    user_event,
)

HIGH_WATER = 16_000
STEPS = int(os.environ.get("ADX_TEST_STEPS", "40"))
EXAMPLES = int(os.environ.get("ADX_TEST_EXAMPLES", "60"))


class ProducerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.disk = CrashingDisk()
        self.broker = Broker(away=True)  # it takes what a rule says
        self.now = 1_775_000_000_000
        self.made = 0
        self.waiting: list[tuple[Future[Receipt], list[str]]] = []
        self.promised: dict[int, tuple[str, str]] = {}
        self.seen: dict[int, bytes] = {}
        self.looked_at = 0
        self.open()

    def open(self) -> None:
        self.producer = Producer(
            settings_of(self.folder, producer_journal_bytes=HIGH_WATER),
            "user-events",
            connect=self.broker.connect,
            disk=self.disk,
            clock_ms=lambda: self.now,
        )
        self.producer.sender._retry_at = 0.0

    @rule(
        count=st.integers(1, 5),
        padding=st.sampled_from([0, 0, 1_000]),
        clock_by=st.sampled_from([0, 1, -5_000, 700]),
        then=st.sampled_from(["commit", "send", "nothing"]),
    )
    def submit(self, count: int, padding: int, clock_by: int, then: str) -> None:
        self.now += clock_by
        self.take(count, padding)
        if then != "nothing":
            self.commit()
        if then == "send":
            self.send()

    def take(self, count: int, padding: int = 0) -> None:
        numbers = range(self.made, self.made + count)
        self.made += count
        names = [f"view {number}" for number in numbers]
        events = [user_event(number, padding="x" * padding) for number in numbers]
        try:
            self.waiting.append((self.producer.submit(self.producer.check(events)), names))
        except BackPressureError:
            kept = self.producer.journal.size + self.producer._group.size
            assert kept + count * (padding + 600) > HIGH_WATER

    def commit(self) -> None:
        self.producer.commit()
        self.hear()

    def hear(self) -> None:
        for future, names in self.waiting:
            if not future.done():
                continue
            if future.exception() is not None:
                assert isinstance(future.exception(), BackPressureError)
                continue
            receipt = future.result()
            for offset, (name, event_id) in enumerate(zip(names, receipt.event_ids, strict=True)):
                assert receipt.first_seq + offset not in self.promised
                self.promised[receipt.first_seq + offset] = (name, event_id)
        self.waiting = [each for each in self.waiting if not each[0].done()]

    def send(self) -> None:
        self.producer.sender._retry_at = 0.0
        self.producer.sender.step()

    @rule(room=st.integers(0, 3_000), count=st.integers(1, 5))
    def disk_is_full_for_a_while(self, room: int, count: int) -> None:
        self.disk.room = room
        self.take(count)
        self.commit()
        self.disk.room = None
        self.take(1)
        self.commit()

    @rule(seed=st.integers(0, 2**32), told=st.booleans(), save=st.booleans())
    def broker_takes_some(self, seed: int, told: bool, save: bool) -> None:
        self.send()
        if self.broker.clients:
            rng = Random(seed)
            queue = self.broker.clients[-1].queue
            chosen = [place for place in range(len(queue)) if rng.random() < 0.5]
            self.broker.clients[-1].deliver(chosen, told=told)
        if save:
            self.producer.sender.save()

    @rule()
    def broker_takes_all(self) -> None:
        self.broker.away = False
        self.send()
        self.broker.away = True

    @precondition(lambda self: self.broker.clients)
    @rule()
    def a_delivery_fails(self) -> None:
        self.broker.clients[-1].fail()
        self.send()

    @rule()
    def restart(self) -> None:
        self.producer.close()
        self.hear()
        self.open()

    @rule(seed=st.integers(0, 2**32), unsynced=st.integers(0, 4))
    def crash(self, seed: int, unsynced: int) -> None:
        """Lose power, also between a write and its sync."""
        self.hear()
        if unsynced:
            self.take(unsynced)
            self.disk.broken = True
            with contextlib.suppress(AdxError):
                self.producer.commit()
            self.broker_takes_all()
            self.disk.broken = False
        rng = Random(seed)
        self.die(lambda most: rng.choice((0, most, rng.randint(0, most))))
        self.open()

    def die(self, choose: Any) -> None:
        session = self.producer.sender._session
        if session is not None:
            session._open = False
            session._reader.close()
        os.close(self.producer.journal._lock)
        self.disk.crash(choose)
        self.waiting.clear()

    @invariant()
    def numbers_have_one_text(self) -> None:
        for record in self.broker.log[self.looked_at :]:
            headers = headers_of(record)
            assert headers["producer_id"] == self.producer.journal.producer_id
            seq = int(headers["seq"])
            assert self.seen.setdefault(seq, record[1]) == record[1]
        self.looked_at = len(self.broker.log)

    def teardown(self) -> None:
        try:
            self.disk.room = None
            self.broker.away = False
            self.producer.close()
            self.hear()
            self.open()
            for _ in range(1_000):
                self.send()
                if self.producer.sender.position == self.producer.journal.end:
                    break
            self.numbers_have_one_text()
            assert sorted(self.seen) == list(range(self.producer.journal.end))
            events = [orjson.loads(self.seen[seq]) for seq in sorted(self.seen)]
            for seq, promise in self.promised.items():
                assert (events[seq]["event_name"], events[seq]["event_id"]) == promise
            ids = [event["event_id"] for event in events]
            assert ids == sorted(set(ids))
            names = [event["event_name"] for event in events]
            assert len(names) == len(set(names))
            self.producer.close()
        finally:
            shutil.rmtree(self.folder)


TestProducer = ProducerMachine.TestCase
TestProducer.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
