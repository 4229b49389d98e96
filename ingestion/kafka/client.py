"""What the platform asks of a Kafka cluster as a client: topics, their ids, their offsets."""

import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings

TOPICS = ("ad-events", "user-events")
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""Far above what a contract accepts, so that an oversize record arrives and is seen to fail."""

_TIMEOUT_SECONDS = 15.0
_CONNECT_SECONDS = 5.0
_UNKNOWN_TOPIC = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)
_PASSING = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError._TRANSPORT,
)
"""What a cluster answers while it elects leaders; `KafkaError.retriable()` says no to all of it."""


@dataclass(frozen=True)
class Topic:
    """A topic as the cluster has it.

    Attributes:
        name: Its name on the cluster.
        topic_id: Its UUID; a topic that is deleted and created again has another one.
        earliest: First offset that is still kept, by partition.
        end: Offset that the next record gets, by partition; open transactions are not counted.
    """

    name: str
    topic_id: str
    earliest: dict[int, int]
    end: dict[int, int]


def client_config(settings: Settings) -> dict[str, str | int]:
    """Configuration that every client of the cluster starts from."""
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
        # librdkafka writes every refused connection to stderr; what matters is raised instead
        "log_level": 0,
        **settings.kafka_options,
    }


def describe_topics(settings: Settings, names: Iterable[str] = TOPICS) -> list[Topic]:
    """The topics of these logical names, in that order, with their ids and offsets.

    Raises:
        AdxError: The cluster cannot be reached, or it has no topic of one of the names.
    """
    return _describe_patiently(settings, names, expect_all=False)


def create_topics(settings: Settings, names: Sequence[str] = TOPICS) -> list[str]:
    """Create the topics that do not exist yet; those that do are left as they are.

    Args:
        settings: Says how many partitions, and the prefix of the names.
        names: Logical names.

    Returns:
        The names, on the cluster, of the topics that were created.

    Raises:
        AdxError: The cluster cannot be reached or refuses.
    """
    wanted = [
        NewTopic(
            settings.topic(name),
            num_partitions=settings.kafka_partitions,
            config={
                "max.message.bytes": str(MAX_MESSAGE_BYTES),
                # the lake decides what has been read; nothing may expire before it was
                "retention.ms": "-1",
                "retention.bytes": "-1",
            },
        )
        for name in names
    ]
    check_reachable(settings)
    created = []
    admin = AdminClient(client_config(settings))
    for name, future in admin.create_topics(wanted, request_timeout=_TIMEOUT_SECONDS).items():
        try:
            future.result()
            created.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise cluster_error(settings, error.args[0].str()) from error
    _describe_patiently(settings, names, expect_all=True)  # until the partitions have leaders
    return created


def check_reachable(settings: Settings) -> None:
    """Ask for a connection to one of the bootstrap servers.

    librdkafka takes a refused connection for a passing fault and keeps trying; a person wants to
    know at once.

    Raises:
        AdxError: None of them accepts a connection.
    """
    reason = "no address is set"
    for server in settings.kafka_bootstrap.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS):
                return
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
    raise cluster_error(settings, reason)


def cluster_error(settings: Settings, reason: str) -> AdxError:
    """The error for a cluster that does not answer as it should."""
    return AdxError(
        f"The Kafka broker at {settings.kafka_bootstrap} cannot be used: {reason}.",
        remedy="Start it with `adx kafka start`, or correct ADX_KAFKA_BOOTSTRAP.",
        exit_code=ExitCode.UNAVAILABLE,
    )


def _describe_patiently(settings: Settings, names: Iterable[str], expect_all: bool) -> list[Topic]:
    physical = [settings.topic(name) for name in names]
    check_reachable(settings)
    # the name keeps the client alive: futures of a collected AdminClient never complete
    admin = AdminClient(client_config(settings))
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while True:
        try:
            return _describe(admin, physical)
        except KafkaException as error:
            problem = error.args[0]
            passing = _PASSING + _UNKNOWN_TOPIC if expect_all else _PASSING
            if problem.code() in _UNKNOWN_TOPIC and not expect_all:
                raise _missing_topic(settings, physical) from error
            # a topic that was just created, or a broker that just came back, elects its leaders
            if problem.code() not in passing or time.monotonic() > deadline:
                raise cluster_error(settings, problem.str()) from error
            time.sleep(0.05)


def _describe(admin: AdminClient, names: list[str]) -> list[Topic]:
    described = admin.describe_topics(TopicCollection(names), request_timeout=_TIMEOUT_SECONDS)
    found = {name: described[name].result() for name in names}
    partitions = [
        TopicPartition(name, partition.id) for name in names for partition in found[name].partitions
    ]
    earliest = _offsets(admin, partitions, OffsetSpec.earliest())
    end = _offsets(admin, partitions, OffsetSpec.latest())
    return [
        Topic(name, _uuid_text(str(found[name].topic_id)), earliest[name], end[name])
        for name in names
    ]


def _uuid_text(text: str) -> str:
    """A topic UUID as Kafka's own tools print it: base64 for URLs."""
    return text.translate(str.maketrans("+/", "-_"))


def _offsets(
    admin: AdminClient, partitions: list[TopicPartition], spec: OffsetSpec
) -> dict[str, dict[int, int]]:
    asked = admin.list_offsets(
        dict.fromkeys(partitions, spec),
        # what an open transaction wrote cannot be consumed yet, so it must not be planned
        isolation_level=IsolationLevel.READ_COMMITTED,
        request_timeout=_TIMEOUT_SECONDS,
    )
    offsets: dict[str, dict[int, int]] = {}
    for partition, future in asked.items():
        offsets.setdefault(partition.topic, {})[partition.partition] = future.result().offset
    return offsets


def _missing_topic(settings: Settings, names: list[str]) -> AdxError:
    return AdxError(
        f"The Kafka broker at {settings.kafka_bootstrap} lacks a topic of {', '.join(names)}.",
        remedy="Create it with `adx kafka topics`.",
        exit_code=ExitCode.UNAVAILABLE,
    )
