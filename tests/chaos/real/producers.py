"""Producers and brokers that are killed, brokers that are away, a journal on a full disk."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson
from confluent_kafka import Consumer, TopicPartition

from ingestion.kafka import (
    broker_status,
    client_config,
    create_topics,
    describe_topics,
    free_port,
    start_broker,
    stop_broker,
)
from ingestion.producers.producer import open_producer
from ingestion.settings import Settings
from tests.chaos.books import Difference
from tests.chaos.real.disks import SmallDisk, can_mount, small_disk
from tests.chaos.real.processes import environment, wait_until
from tests.chaos.suite import Outcome, Run, chaos_class, reproduce

TOPIC = "user-events"
KILLED, BROKER_KILLED, OUTAGE = "producer killed", "broker killed", "broker away"
FULL = "full disk of a journal"

# Offers batches until it is killed or told to end, and prints the receipt of each.
SENDING = """
import itertools, signal, sys
from ingestion.producers.producer import BackPressureError, open_producer
from ingestion.settings import load_settings

ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
with open_producer(load_settings(), "user-events") as producer:
    for number in itertools.count():
        if ended:
            break
        batch = [
            {
                "timestamp": "2023-10-23T12:34:56Z",
                "event_name": f"{sys.argv[1]} {number} {part}",
                "user_identifiers": {"id": f"user_{part}"},
            }
            for part in range(20)
        ]
        try:
            receipt = producer.accept(*batch)
        except BackPressureError:
            print("refused", flush=True)
            continue
        print(sys.argv[1], number, receipt.first_seq, *receipt.event_ids, flush=True)
"""

_POINTS: Final = (
    "producer.after_write:9",
    "producer.after_sync:20",
    "producer.after_ack",
    "producer.before_position:2",
    "producer.after_position",
)


class Promises:
    """What callers were promised, and what the topic holds."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.promised: dict[int, tuple[str, str]] = {}
        self.offered: set[str] = set()
        self.refused = 0
        self.told: list[str] = []
        self._run = 0

    @contextmanager
    def start(self, fault: str | None = None) -> Iterator["subprocess.Popen[bytes]"]:
        """Start the producer; it is gone after the block."""
        self._run += 1
        process = subprocess.Popen(
            [sys.executable, "-c", SENDING, f"run{self._run}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(self.settings, fault),
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def receive(self, process: "subprocess.Popen[bytes]", most: int | None = None) -> None:
        """Take receipts until the process ends, or some of them."""
        assert process.stdout is not None
        for told, line in enumerate(process.stdout, 1):
            words = line.decode().split()
            if words[0] == "refused":
                self.refused += 1
            elif not words[0].startswith("run"):
                self.told.append(line.decode().strip())
            elif line.endswith(b"\n"):
                run, number, first, *ids = words
                for part, event_id in enumerate(ids):
                    assert int(first) + part not in self.promised
                    self.promised[int(first) + part] = (f"{run} {number} {part}", event_id)
            if told == most:
                return

    def drain(self) -> None:
        """Start the producer again, until Kafka has all that is in the journal."""
        with open_producer(self.settings, TOPIC) as producer:
            if not producer.wait_until_sent(60):
                raise TimeoutError(f"the journal is not sent: {producer.status}")

    def compare(self) -> Difference:
        """Compare what was promised with what the topic holds."""
        difference = Difference()
        found: dict[int, bytes] = {}
        for record in records_of(self.settings, TOPIC):
            headers = {name: value.decode() for name, value in record.headers()}
            seq = int(headers["seq"])
            if found.setdefault(seq, record.value()) != record.value():
                difference.add("duplicated", 1, f"number {seq} is two events")
        names = set()
        for seq, value in found.items():
            event = orjson.loads(value)
            names.add(event["event_name"])
            promise = self.promised.get(seq)
            if promise is not None and (event["event_name"], event["event_id"]) != promise:
                difference.add("misrouted", 1, f"number {seq} was promised to {promise}")
            if not event["event_name"].startswith("run"):
                difference.add("phantom", 1, f"number {seq}")
        ids = [orjson.loads(found[seq])["event_id"] for seq in sorted(found)]
        if ids != sorted(set(ids)):
            difference.notes.append("the ids of events do not rise with their numbers")
        if len(names) < len(found):
            difference.add("duplicated", len(found) - len(names), "one event, two numbers")
        for seq in self.promised.keys() - found.keys():
            difference.add("lost", 1, f"number {seq}: {self.promised[seq]}")
        if sorted(found) != list(range(len(found))):
            difference.add("lost", 1, "numbers have a gap")
        return difference


def records_of(settings: Settings, topic: str) -> list[Any]:
    """Every record that a topic holds."""
    consumer = Consumer({**client_config(settings), "group.id": "reader"})
    records: list[Any] = []
    try:
        (found,) = describe_topics(settings, [topic])
        for partition, stop in found.end.items():
            consumer.assign([TopicPartition(found.name, partition, 0)])
            part: list[Any] = []
            while len(part) < stop:
                more = consumer.consume(stop - len(part), timeout=20)
                assert more, f"{len(part)} of {stop} records came"
                part += more
            records += part
    finally:
        consumer.close()
    return records


def _settings(run: Run, name: str, bootstrap: str) -> Settings:
    made = Settings(
        home=run.folder / name,
        kafka_bootstrap=bootstrap,
        kafka_partitions=2,
        kafka_topic_prefix=f"{name}-{run.seed}-{int(time.time())}.",
    )
    made.home.mkdir(parents=True)
    return made


def _kills(run: Run) -> list[tuple[str, str | None]]:
    """Each fault with its point; None for any time, of which a round has several."""
    points = (*_POINTS, None, None)
    return [
        (f"{KILLED}/{point or 'any time'}#{number * len(points) + place}", point)
        for number in range(4 if run.full else 1)
        for place, point in enumerate(points)
    ]


@chaos_class(KILLED, level="real", plan=lambda run: [case for case, _ in _kills(run)])
def killed(run: Run) -> Iterator[Outcome]:
    """SIGKILL at five points, and at any time, over and over."""
    rng = random.Random(f"producer {run.seed}")
    todo = [one for one in _kills(run) if one[0] not in run.done]
    if not todo:
        return
    settings = _settings(run, "producer", run.bootstrap)
    create_topics(settings, [TOPIC])
    promises = Promises(settings)
    for case, point in todo:
        outcome = Outcome(case, steps=reproduce(run, KILLED, [f"SIGKILL at {point or 'any time'}"]))
        before = len(promises.promised)
        try:
            with promises.start(point) as process:
                if point is None:
                    promises.receive(process, rng.randrange(20, 200))
                    process.kill()
                promises.receive(process)
                code = process.wait(60)
            assert code == -signal.SIGKILL, f"it ended with {code}"
            began = time.monotonic()
            promises.drain()
            outcome.seconds = time.monotonic() - began
            outcome.count(promises.compare())
        except Exception as error:  # noqa: BLE001 - the report has it
            outcome.notes.append(f"{type(error).__name__}: {error} {promises.told[-3:]}")
        outcome.events = len(promises.promised) - before
        yield outcome


@contextmanager
def _own_broker(run: Run) -> Iterator[Promises]:
    settings = _settings(run, "brokers", f"127.0.0.1:{free_port()}")
    start_broker(settings)
    try:
        create_topics(settings, [TOPIC])
        yield Promises(settings)
    finally:
        stop_broker(settings)
        shutil.rmtree(settings.home, ignore_errors=True)


def _outages(run: Run) -> list[str]:
    return [
        f"{name}/while events come#{number}"
        for number in range(5 if run.full else 1)
        for name in (BROKER_KILLED, OUTAGE)
    ]


@chaos_class(BROKER_KILLED, OUTAGE, level="real", plan=_outages)
def brokers(run: Run) -> Iterator[Outcome]:
    """A broker that is killed, or away for some seconds, while a producer goes on."""
    rng = random.Random(f"brokers {run.seed}")
    todo = [case for case in _outages(run) if case not in run.done]
    if not todo:
        return
    with _own_broker(run) as promises:
        for case in todo:
            name = case.partition("/")[0]
            outcome = Outcome(case, steps=reproduce(run, name, [name, "start it again"]))
            before = len(promises.promised)
            try:
                outcome.seconds = _without_broker(promises, name, rng)
                outcome.count(promises.compare())
            except Exception as error:  # noqa: BLE001 - the report has it
                outcome.notes.append(f"{type(error).__name__}: {error}")
            outcome.events = len(promises.promised) - before
            yield outcome


def _without_broker(promises: Promises, name: str, rng: random.Random) -> float:
    """Take the broker away while a producer goes on; gives the seconds of recovery."""
    settings = promises.settings
    with promises.start() as process:
        promises.receive(process, rng.randrange(20, 100))
        if name == BROKER_KILLED:
            pid = broker_status(settings).pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            wait_until("the broker is gone", lambda: not broker_status(settings).running)
        else:
            stop_broker(settings)
        # the journal is the buffer: callers go on getting receipts
        promises.receive(process, rng.randrange(100, 300))
        start_broker(settings)
        began = time.monotonic()
        process.terminate()
        promises.receive(process)
        process.wait(90)
    promises.drain()
    return time.monotonic() - began


def _disks(run: Run) -> list[str]:
    kind = "memory disk" if can_mount() else "injected"
    return [f"{FULL}/{kind}#{number}" for number in range(3 if run.full else 1)]


@chaos_class(FULL, level="real", plan=_disks)
def full_disk(run: Run) -> Iterator[Outcome]:
    """A journal whose disk is full: callers are told to come back, and nothing is lost."""
    for number, case in enumerate(_disks(run)):
        if case in run.done:
            continue
        outcome = Outcome(case, steps=reproduce(run, FULL, ["fill the disk", "free it"]))
        settings = _settings(run, f"full-{number}", run.bootstrap)
        create_topics(settings, [TOPIC])
        promises = Promises(settings)
        try:
            if can_mount():
                with small_disk(settings.producers, megabytes=8) as disk:
                    outcome.seconds = _fill_and_free(promises, disk)
                    promises.drain()
            else:
                with promises.start("producer.write:20=full") as process:
                    promises.receive(process, 200)
                    process.terminate()
                    promises.receive(process)
                promises.drain()
            assert promises.refused, "nobody was told to come back"
            outcome.count(promises.compare())
        except Exception as error:  # noqa: BLE001 - the report has it
            outcome.notes.append(f"{type(error).__name__}: {error}")
        outcome.events = len(promises.promised)
        yield outcome


def _fill_and_free(promises: Promises, disk: SmallDisk) -> float:
    """Gives the seconds from the moment there is room again to the next receipt."""
    with promises.start() as process:
        promises.receive(process, 30)
        disk.fill()
        while promises.refused < 3:
            promises.receive(process, 20)
        disk.free()
        told = len(promises.promised)
        began = time.monotonic()
        while len(promises.promised) == told:
            promises.receive(process, 1)
        seconds = time.monotonic() - began
        process.terminate()
        promises.receive(process)
        assert process.wait(60) == 0
    return seconds
