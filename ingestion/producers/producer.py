"""The producer: accepts events, journals them, acknowledges them, and sends them to Kafka.

```
accept ─► check ─► mint event_id, (producer_id, seq) ─► group ─► write, fsync ─► acknowledge
                                                                     │
                                      Kafka ◄─ send in order ◄─ read the journal
```

Nothing is acknowledged before it is on disk, and nothing is sent before it is on disk. What cannot
be taken (too much is not sent yet, the disk is full) is refused at once, with all of its batch.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from ingestion.contracts import Contract
from ingestion.errors import AdxError, ExitCode
from ingestion.landing.verdict import Failure
from ingestion.producers.disk import Disk
from ingestion.producers.events import Event, Ready, stream_of
from ingestion.producers.ids import TimeOrderedIds
from ingestion.producers.journal import SEGMENT_BYTES, Journal, is_full
from ingestion.producers.records import HEADER_BYTES
from ingestion.producers.sender import Client, KafkaClient, Sender
from ingestion.settings import Settings

GROUP_BYTES = 4 * 1024 * 1024
"""Bytes from which on a group is written without waiting for more."""

_IDLE_SECONDS = 0.05
_STOP_SECONDS = 30.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

log = structlog.get_logger(__name__)


class BackPressureError(AdxError):
    """Events that cannot be taken now; none of them was.

    Attributes:
        retry_after: Seconds after which trying again makes sense.
    """

    def __init__(self, message: str, *, remedy: str, retry_after: int = 5) -> None:
        super().__init__(message, remedy=remedy, exit_code=ExitCode.UNAVAILABLE)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Receipt:
    """What a caller gets for a batch that is on disk.

    Attributes:
        producer_id: The `producer_id` of its events.
        first_seq: `seq` of its first event; the others follow it one by one.
        event_ids: Their ids.
    """

    producer_id: str
    first_seq: int
    event_ids: tuple[str, ...]


@dataclass(frozen=True)
class Status:
    """How a producer stands.

    Attributes:
        topic: Logical name of the topic.
        producer_id: The `producer_id` of its events.
        journalled: Events that are on disk, ever: the next `seq`.
        acknowledged: Events that Kafka has, without a gap.
        journal_bytes: Bytes of the journal.
        high_water_bytes: Bytes at which events are refused.
        problem: Why nothing is sent, if nothing is.
    """

    topic: str
    producer_id: str
    journalled: int
    acknowledged: int
    journal_bytes: int
    high_water_bytes: int
    problem: str | None


@dataclass
class _Group:
    """Batches that are written together."""

    records: list[tuple[bytes, bytes]] = field(default_factory=list)
    batches: list[tuple["Future[Receipt]", Receipt]] = field(default_factory=list)
    size: int = 0


class Producer:
    """One producer of one topic. `open_producer` starts its threads.

    Args:
        settings: Where the journal is, which cluster, and how much is kept.
        topic: Logical name of the topic.
        connect: Makes the Kafka client.
        disk: The journal's file system.
        clock_ms: The clock, in milliseconds since 1970.

    Raises:
        AdxError: Another process is this producer, or its journal is damaged.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        *,
        connect: Callable[[], Client] | None = None,
        disk: Disk | None = None,
        clock_ms: Callable[[], int] | None = None,
    ) -> None:
        name = settings.producer_id
        self._high_water = settings.producer_journal_bytes
        self._interval = settings.producer_commit_seconds
        self.journal = Journal(
            settings.producers / _checked(name) / stream_of(topic, name).topic,
            name,
            segment_bytes=min(SEGMENT_BYTES, self._high_water // 8),
            disk=disk,
        )
        self._stream = stream_of(topic, self.journal.producer_id)
        self.sender = Sender(
            self.journal, self._stream, connect or (lambda: KafkaClient(settings, topic))
        )
        self._ids = TimeOrderedIds(self.journal.clock_ms, clock_ms)
        self._changed = threading.Condition()
        self._group = _Group()
        self._writing = 0
        self._next = self.journal.end
        self._closing = False
        self._failure: AdxError | None = None
        self._threads: list[threading.Thread] = []
        self._sending = threading.Event()

    @property
    def topic(self) -> str:
        """Logical name of the topic."""
        return self._stream.topic

    @property
    def contract(self) -> Contract:
        """What its events are held against."""
        return self._stream.contract

    @property
    def reserved(self) -> frozenset[str]:
        """Fields that it mints."""
        return self._stream.reserved

    @property
    def failed(self) -> bool:
        """Whether it takes nothing more until it is started again."""
        return self._failure is not None

    @property
    def status(self) -> Status:
        """How it stands."""
        problem = self.sender.problem if self._failure is None else self._failure.message
        return Status(
            self.topic,
            self.journal.producer_id,
            self.journal.end,
            self.sender.position,
            self.journal.size,
            self._high_water,
            problem,
        )

    def judge(self, events: Sequence[Event]) -> list[Ready | Failure]:
        """What each event is: ready to be submitted, or why not; may be called by any thread."""
        return self._stream.judge(events)

    def check(self, events: Sequence[Event]) -> list[Ready]:
        """The events, if all of them keep the contract; may be called by any thread.

        Raises:
            EventRefusedError: One does not.
        """
        return self._stream.check(events)

    def submit(self, events: Sequence[Ready]) -> "Future[Receipt]":
        """Take a batch that was checked; its receipt comes when it is on disk.

        Whoever waits for the receipt may get, instead of it, the errors that are raised here.

        Raises:
            BackPressureError: The journal is at its high-water mark, or its disk is full.
            AdxError: The producer has stopped.
        """
        size = sum([HEADER_BYTES + len(key) + len(members) + 200 for members, key in events])
        future: Future[Receipt] = Future()
        future.set_running_or_notify_cancel()  # a caller that goes away takes nothing back
        with self._changed:
            self._demand_room(size)
            first = self._next
            ids = self._ids.mint_many(len(events))
            group = self._group
            group.records += self._stream.records(events, ids, first)
            group.batches.append((future, Receipt(self.journal.producer_id, first, tuple(ids))))
            group.size += size
            self._next = first + len(events)
            if len(group.batches) == 1 or group.size >= GROUP_BYTES:
                self._changed.notify_all()  # of what comes between, the writer need not hear
        return future

    def accept(self, *events: Event) -> Receipt:
        """Take events all or none; they are on disk when this returns.

        Raises:
            EventRefusedError: One is no record of its contract.
            BackPressureError: They cannot be taken now.
            AdxError: The producer has stopped.
        """
        return self.submit(self.check(events)).result()

    def commit(self) -> bool:
        """Write the group that is waiting, and acknowledge it; whether there was one."""
        with self._changed:
            group, self._group = self._group, _Group()
            self._writing = group.size
            clock_ms = self._ids.milliseconds
        if not group.batches:
            return False
        try:
            self.journal.append(group.records, clock_ms)
        except (OSError, AdxError) as error:
            self._refuse(group, error)
            return True
        with self._changed:
            self._writing = 0
        for future, receipt in group.batches:
            future.set_result(receipt)
        self._sending.set()
        return True

    def wait_until_sent(self, seconds: float) -> bool:
        """Wait until Kafka has acknowledged all that is journalled; whether it has."""
        deadline = time.monotonic() + seconds
        while self.sender.position < self.journal.end:
            if self._failure is not None or time.monotonic() >= deadline:
                return False
            time.sleep(0.005)
        return True

    def start(self) -> None:
        """Start its threads: one that writes groups, one that sends."""
        for work in (self._write, self._send):
            thread = threading.Thread(target=work, name=f"{self.topic}{work.__name__}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Write what was taken, stop the threads, store the position, and free the journal.

        What Kafka has not acknowledged is sent by the next process.

        Raises:
            AdxError: The disk does not answer. What waits is refused; the journal is freed when the
                process ends, since a group may still be written to it.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._sending.set()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)
        if self._threads and self._threads[0].is_alive():
            error = AdxError(
                f"The journal of {self.topic} has not been written for {_STOP_SECONDS:.0f} s.",
                remedy="Check its disk, then start the producer again: what was acknowledged is in "
                "the journal.",
                exit_code=ExitCode.UNAVAILABLE,
            )
            self._refuse(_Group(), error)
            raise error
        while self.commit():
            pass
        try:
            self.sender.close()
        finally:
            self.journal.close()

    def _demand_room(self, size: int) -> None:
        if self._failure is not None:
            raise self._failure
        if self._closing:
            raise _stopping()
        kept = self.journal.size + self._writing + self._group.size
        if kept + size > self._high_water:
            raise BackPressureError(
                f"The journal of {self.topic} holds {kept} bytes that Kafka has not acknowledged; "
                f"its high-water mark is {self._high_water}.",
                remedy="Send the events again when the broker is back (`adx kafka status`), or "
                "raise ADX_PRODUCER_JOURNAL_BYTES.",
            )

    def _refuse(self, group: _Group, error: OSError | AdxError) -> None:
        """Tell all that wait; numbers that are on no disk are given again."""
        if is_full(error):
            told: AdxError = BackPressureError(
                f"The disk of the journal of {self.topic} is full.",
                remedy="Free some space, or set ADX_HOME to a larger disk; then send them again.",
                retry_after=30,
            )
        elif isinstance(error, AdxError):
            told = error
        else:
            told = AdxError(
                f"The journal of {self.topic} cannot be written: {error.strerror or error}.",
                remedy="Check that disk, then start the producer again.",
                exit_code=ExitCode.UNAVAILABLE,
            )
        with self._changed:
            if not isinstance(told, BackPressureError):
                self._failure = told
            later, self._group = self._group, _Group()
            self._next = self.journal.end
            self._writing = 0
        for future, _ in group.batches + later.batches:
            future.set_exception(told)

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._group.batches or self._closing)
                if not self._group.batches:
                    return
                # whoever comes within the interval shares the fsync
                self._changed.wait_for(
                    lambda: self._closing or self._group.size >= GROUP_BYTES, self._interval
                )
            self.commit()

    def _send(self) -> None:
        try:
            while not self._closing:
                if not self.sender.step(_IDLE_SECONDS) and self._is_idle():
                    self._sending.wait(1.0)
                    self._sending.clear()
        except (OSError, AdxError) as error:
            self._stop_sending(error)

    def _is_idle(self) -> bool:
        if self.sender.position < self.journal.end:
            return False
        self.sender.save()
        return True

    def _stop_sending(self, error: OSError | AdxError) -> None:
        """A journal that cannot be read, or a position that cannot be stored, needs a person."""
        log.error("the sender stopped", topic=self.topic, problem=str(error))
        if not isinstance(error, AdxError):
            error = AdxError(
                f"The position of {self.topic} cannot be stored: {error.strerror or error}.",
                remedy="Free some space or check that disk, then start the producer again.",
                exit_code=ExitCode.UNAVAILABLE,
            )
        with self._changed:
            self._failure = error


@contextmanager
def open_producer(settings: Settings, topic: str) -> Iterator[Producer]:
    """A producer with its threads, closed at the end.

    Args:
        settings: Where the journal is, which cluster, and how much is kept.
        topic: Logical name of the topic.

    Raises:
        AdxError: Another process is this producer, or its journal is damaged.
    """
    producer = Producer(settings, topic)
    producer.start()
    try:
        yield producer
    finally:
        producer.close()


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise AdxError(
            f"{name!r} is no name of a producer.",
            remedy="Set ADX_PRODUCER_ID to at most 64 letters, digits, - and _.",
            exit_code=ExitCode.CONFIGURATION,
        )
    return name


def _stopping() -> AdxError:
    return BackPressureError(
        "The producer is stopping.", remedy="Send the events again when it has started."
    )
