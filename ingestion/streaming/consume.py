"""Consumes exactly one range of one partition."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from ingestion.kafka.client import MAX_MESSAGE_BYTES, client_config, cluster_error
from ingestion.settings import Settings
from ingestion.streaming.offsets import expired
from ingestion.streaming.plan import TaskRange

EVENT_ID_HEADER = "event_id"

_MOST_MESSAGES = 50_000
_STALL_SECONDS = 30.0
"""How long a task waits for the next record of its range, which exists."""
_DOWN_SECONDS = 5.0
"""How long it waits when no broker of the cluster accepts a connection: a restart takes longer."""
_EXPIRED = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)


@dataclass(frozen=True)
class Records:
    """Some consecutive records of a partition.

    Attributes:
        values: Their values; null is a tombstone.
        offsets: Their offsets.
        event_ids: Value of the header `event_id`, where they have one; None if not asked for.
    """

    values: pa.BinaryArray
    offsets: pa.Int64Array
    event_ids: pa.StringArray | None


def consume_range(
    settings: Settings, topic: str, task: TaskRange, *, with_event_ids: bool
) -> Iterator[Records]:
    """All records of a range, in order, in chunks.

    Offsets may be missing inside a range (compaction, the markers of transactions), so the end is
    known by the position and never by counting: a message at or behind it, or the notice that
    the partition ends there.

    Args:
        settings: Where the cluster is.
        topic: Name of the topic on the cluster.
        task: The range.
        with_event_ids: Whether the record header `event_id` is wanted.

    Raises:
        AdxError: The records have expired, or the cluster stopped answering.
    """
    problems: list[KafkaError] = []
    consumer = Consumer(
        {
            **client_config(settings),
            "group.id": "advertisex",  # required, and never used: offsets live in the lake
            "enable.auto.commit": False,
            "auto.offset.reset": "error",  # expired offsets halt the stream, they do not jump
            "enable.partition.eof": True,
            "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
            "queued.min.messages": _MOST_MESSAGES,
            "queued.max.messages.kbytes": 32 * 1024,
            "error_cb": problems.append,
        }
    )
    try:
        consumer.assign([TopicPartition(topic, task.partition, task.start)])
        position = task.start
        last_progress = time.monotonic()
        while position < task.end:
            asked = min(_MOST_MESSAGES, task.end - position)
            messages, reached = _sort(settings, task, topic, consumer.consume(asked, 0.2))
            if reached > position:
                position = reached
                last_progress = time.monotonic()
                problems.clear()
            elif time.monotonic() - last_progress > _patience(problems):
                reason = problems[-1].str() if problems else "no records came"
                raise cluster_error(settings, f"{topic}, partition {task.partition}: {reason}")
            if messages:
                yield _records(messages, with_event_ids)
    finally:
        consumer.close()


def _patience(problems: list[KafkaError]) -> float:
    down = any(problem.code() == KafkaError._ALL_BROKERS_DOWN for problem in problems)
    return _DOWN_SECONDS if down else _STALL_SECONDS


def _sort(
    settings: Settings, task: TaskRange, topic: str, messages: list[Message]
) -> tuple[list[Message], int]:
    """The records of the range among what came, and the offset that is reached by it."""
    reached = task.start
    failed = [message for message in messages if message.error() is not None]
    for message in failed:
        problem = message.error()
        if problem.code() in _EXPIRED:
            raise expired(topic, task.partition, task.start, message.offset())
        if problem.code() != KafkaError._PARTITION_EOF:
            raise cluster_error(settings, f"{topic}, partition {task.partition}: {problem.str()}")
        reached = max(reached, message.offset())
    if failed:
        messages = [message for message in messages if message.error() is None]
    if messages:
        reached = max(reached, messages[-1].offset() + 1)
        if reached > task.end:
            messages = [message for message in messages if message.offset() < task.end]
    return messages, reached


def _records(messages: list[Message], with_event_ids: bool) -> Records:
    return Records(
        values=pa.array([message.value() for message in messages], pa.binary()),
        offsets=pa.array([message.offset() for message in messages], pa.int64()),
        event_ids=(
            pa.array([_event_id(message.headers()) for message in messages], pa.string())
            if with_event_ids
            else None
        ),
    )


def _event_id(headers: Any) -> str | None:
    """The last header of that name, as Kafka's own `lastHeader` takes it.

    One that is empty or not clean UTF-8 identifies nothing: the event's position does then.
    """
    for name, value in reversed(headers or ()):
        if name == EVENT_ID_HEADER:
            try:
                text = bytes(value or b"").decode("utf-8")
            except UnicodeDecodeError:
                return None
            return text if text and "\0" not in text else None
    return None
