"""Where messages go: Kafka, or memory in tests.

A sink keeps what it was given in order, partition by partition, and can tell how much it has, so
that a player that was killed goes on where it stopped.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Delivered

from ingestion.adworld.program import TOPICS, Message
from ingestion.kafka.client import (
    MAX_MESSAGE_BYTES,
    client_config,
    cluster_error,
    create_topics,
    describe_topics,
)
from ingestion.settings import Settings


@dataclass(frozen=True)
class TopicState:
    """What a sink holds of one topic.

    Attributes:
        topic_id: Tells this topic from another one of the same name.
        ends: Messages so far, by partition.
    """

    topic_id: str
    ends: list[int]


class Sink(Protocol):
    """Takes messages."""

    def topics(self) -> dict[str, TopicState]:
        """What is there now, by topic."""

    def send(self, messages: Iterable[Message]) -> None:
        """Take messages in their order."""

    def flush(self) -> None:
        """Return when everything that was sent is kept for good."""


class KafkaSink:
    """A Kafka cluster; the producer is idempotent and waits for all replicas.

    Args:
        settings: Which cluster.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._failure: KafkaError | None = None
        self._producer: Producer | None = None

    def topics(self) -> dict[str, TopicState]:
        """Ids and end offsets of the topics, which are created if they are missing.

        Raises:
            AdxError: The cluster cannot be reached.
        """
        create_topics(self._settings, TOPICS)
        found = describe_topics(self._settings, TOPICS)
        return {
            name: TopicState(topic.topic_id, [topic.end[n] for n in sorted(topic.end)])
            for name, topic in zip(TOPICS, found, strict=True)
        }

    def send(self, messages: Iterable[Message]) -> None:
        """Hand messages to the producer; waits while its queue is full."""
        producer = self._open()
        names = {name: self._settings.topic(name) for name in TOPICS}
        for topic, partition, key, value, headers in messages:
            while True:
                try:
                    producer.produce(
                        names[topic], value, key, partition, self._delivered, headers=headers or []
                    )
                    break
                except BufferError:
                    producer.poll(0.1)
                except KafkaException as error:
                    raise cluster_error(self._settings, error.args[0].str()) from error
        producer.poll(0)
        self._check()

    def flush(self) -> None:
        """Wait until every message is acknowledged.

        Raises:
            AdxError: A message was refused, or could not be delivered in time.
        """
        if self._producer is not None:
            self._producer.flush()
        self._check()

    def _open(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(
                {
                    **client_config(self._settings),
                    "enable.idempotence": True,
                    "acks": "all",
                    "compression.type": "zstd",
                    "linger.ms": 50,
                    "message.max.bytes": MAX_MESSAGE_BYTES,
                    "queue.buffering.max.messages": 200_000,
                    "delivery.timeout.ms": 60_000,
                }
            )
        return self._producer

    def _delivered(self, error: KafkaError | None, _message: Delivered) -> None:
        if error is not None and self._failure is None:
            self._failure = error

    def _check(self) -> None:
        if self._failure is not None:
            raise cluster_error(self._settings, self._failure.str())


@dataclass
class MemorySink:
    """Keeps messages in memory.

    Attributes:
        kept: Messages by topic and partition.
        topic_id: Id of its topics.
        partitions: Partitions of each topic.
    """

    kept: dict[str, list[list[Message]]] = field(default_factory=dict)
    topic_id: str = "memory"
    partitions: int = 4

    def topics(self) -> dict[str, TopicState]:
        """What it holds."""
        return {
            topic: TopicState(self.topic_id, [len(part) for part in self._parts(topic)])
            for topic in TOPICS
        }

    def send(self, messages: Iterable[Message]) -> None:
        """Keep messages."""
        for message in messages:
            self._parts(message[0])[message[1]].append(message)

    def flush(self) -> None:
        """Nothing to wait for."""

    def _parts(self, topic: str) -> list[list[Message]]:
        return self.kept.setdefault(topic, [[] for _ in range(self.partitions)])
