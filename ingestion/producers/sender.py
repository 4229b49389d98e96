"""Sends a journal to Kafka, in its order, and remembers what was acknowledged without a gap.

A record is never given up: a client that fails is thrown away, and a new one begins again behind
the last record that is acknowledged without a gap. So Kafka may get a record more than once, with
the same `(producer_id, seq)` and the same bytes, and never loses one.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from ingestion.failpoints import failpoint
from ingestion.kafka.client import MAX_MESSAGE_BYTES, client_config
from ingestion.producers.events import Header, Stream
from ingestion.producers.journal import Journal
from ingestion.producers.records import Record
from ingestion.settings import Settings

_SAVE_SECONDS = 1.0
_RETRY_SECONDS = 1.0
_ANY_PARTITION = -1  # the key decides
_WINDOW = 16 * 1024
"""Records between the first that is not acknowledged and the last that is sent, at most."""

Delivered = Callable[[Any, Any], None]

log = structlog.get_logger(__name__)


class Client(Protocol):
    """The part of a Kafka producer that the sender uses."""

    def produce(
        self, key: bytes | None, value: bytes, headers: Header, delivered: Delivered
    ) -> None:
        """Take a record; `delivered` is called with an error or None.

        Raises:
            BufferError: The queue is full.
        """

    def poll(self, seconds: float) -> None:
        """Call what is to be called; wait for it so long."""

    def abandon(self) -> None:
        """Drop all that is not acknowledged."""


class KafkaClient:
    """An idempotent Kafka producer that waits for all replicas and never gives up by itself.

    Args:
        settings: Which cluster.
        topic: Logical name of the topic.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = settings.topic(topic)
        self._producer = Producer(
            {
                **client_config(settings),
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": 20,
                "partitioner": "murmur2_random",  # as Java clients choose partitions
                "message.max.bytes": MAX_MESSAGE_BYTES,
                "message.timeout.ms": 0,  # the journal is the buffer, and it does not forget
                "queue.buffering.max.messages": 100_000,
                "queue.buffering.max.kbytes": 64 * 1024,
            }
        )

    def produce(
        self, key: bytes | None, value: bytes, headers: Header, delivered: Delivered
    ) -> None:
        """Hand a record to the client."""
        if headers is None:  # arguments without names cost 0.2 µs a record less
            self._producer.produce(self._topic, value, key, _ANY_PARTITION, delivered)
        else:
            self._producer.produce(self._topic, value, key, on_delivery=delivered, headers=headers)

    def poll(self, seconds: float) -> None:
        """Deliver reports."""
        self._producer.poll(seconds)

    def abandon(self) -> None:
        """Drop the queue and what is in flight."""
        self._producer.purge(in_queue=True, in_flight=True, blocking=False)
        self._producer.poll(0)


class Sender:
    """Sends one journal; used by one thread.

    Args:
        journal: What is sent.
        stream: Says what headers a record has.
        connect: Makes a client.
    """

    def __init__(self, journal: Journal, stream: Stream, connect: Callable[[], Client]) -> None:
        self._journal = journal
        self._stream = stream
        self._connect = connect
        self._next = journal.position
        self._saved_at = time.monotonic()
        self._retry_at = 0.0
        self._session: _Session | None = None
        self.problem: str | None = None

    @property
    def position(self) -> int:
        """Number below which Kafka has acknowledged all records."""
        return self._session.next if self._session else self._next

    def step(self, patience: float = 0.0) -> bool:
        """Send what there is, up to some hundred records, and take note of what was acknowledged.

        Args:
            patience: Seconds to wait for acknowledgements when there is nothing to send.

        Returns:
            Whether records were handed to the client.

        Raises:
            AdxError: The journal is damaged.
            OSError: The position could not be stored.
        """
        if self._session is None:
            if time.monotonic() < self._retry_at:
                time.sleep(min(patience, self._retry_at - time.monotonic()))
                return False
            self._open()
        session = self._session
        if session is None:
            return False
        sent = session.send()
        session.client.poll(0.0 if sent else patience)
        if session.problem is not None:
            self._fail(session)
        elif session.next > session.started:
            self.problem = None
        self._save_when_due()
        return sent

    def save(self) -> None:
        """Store the position durably, if it moved, and let go of the segments behind it."""
        self._saved_at = time.monotonic()
        if self.position > self._journal.position:
            failpoint("producer.after_ack")
            self._journal.acknowledge(self.position)

    def close(self) -> None:
        """Store the position; what is not acknowledged is sent by the next process."""
        self.save()
        if self._session is not None:
            self._session.close()
            self._next, self._session = self._session.next, None

    def _open(self) -> None:
        try:
            self._session = _Session(self._journal, self._stream, self._connect(), self._next)
        except KafkaException as error:
            self._wait(error.args[0].str())

    def _fail(self, session: "_Session") -> None:
        self._next, self._session = session.next, None
        session.close()
        self._wait(session.problem or "")

    def _wait(self, problem: str) -> None:
        self._retry_at = time.monotonic() + _RETRY_SECONDS
        if problem != self.problem:
            log.warning("sending failed", topic=self._stream.topic, problem=problem)
        self.problem = problem

    def _save_when_due(self) -> None:
        if time.monotonic() - self._saved_at >= _SAVE_SECONDS:
            self.save()


class _Session:
    """One client, from the first record that is not acknowledged on."""

    def __init__(self, journal: Journal, stream: Stream, client: Client, start: int) -> None:
        self.client = client
        self.problem: str | None = None
        self.started = start
        self.next = start
        self._is_acknowledged = bytearray(_WINDOW)  # of the records from `next` on, in a ring
        self._reports: list[Delivered] = []  # by place in that ring
        self._open = True
        self._stream = stream
        self._reader = journal.read(start)
        self._records: list[Record] = []
        self._sent = start

    def send(self) -> bool:
        """Hand over what fits into the client's queue."""
        if not self._records:
            self._records = self._reader.records()
        records = self._records[: self.next + _WINDOW - self._sent]
        begin = self._sent
        try:
            self._hand_over(records)
        except BufferError:
            pass  # the rest waits until something was acknowledged
        except KafkaException as error:
            self.problem = error.args[0].str()
        self._records = self._records[self._sent - begin :]
        return self._sent > begin

    def close(self) -> None:
        self._open = False  # what the client still reports is of no account
        self.client.abandon()
        self._reader.close()

    def _hand_over(self, records: list[Record]) -> None:
        produce, headers = self.client.produce, self._stream.headers
        first = self._sent - self.started
        # used again and again: new ones a record would wake the garbage collector (2 µs an event)
        for place in range(len(self._reports), min(first + len(records), _WINDOW)):
            self._reports.append(partial(self._delivered, place))
        reports = self._reports
        for place, (seq, key, value, _, _, _) in enumerate(records, first):
            produce(key or None, value, headers(seq), reports[place % _WINDOW])
            self._sent += 1

    def _delivered(self, place: int, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            if self._open:
                self.problem = self.problem or error.str()
            return
        done = self._is_acknowledged
        done[place] = True
        if place == (self.next - self.started) % _WINDOW and self._open:
            while done[place]:
                done[place] = False
                self.next += 1
                place = (place + 1) % _WINDOW
