"""What a cluster answers while it elects leaders is waited out; anything else is raised."""

import socket
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException

from ingestion.errors import AdxError, ExitCode
from ingestion.kafka import client, describe_topics
from ingestion.settings import Settings

FOUND = [client.Topic("ad-events", "id", {0: 0}, {0: 3})]


@pytest.fixture
def settings() -> Iterator[Settings]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield Settings(kafka_bootstrap=f"127.0.0.1:{listening.getsockname()[1]}")


def _answers_first(monkeypatch: pytest.MonkeyPatch, code: int) -> list[int]:
    """Let the cluster answer with an error once; gives how often it was asked."""
    asked: list[int] = []

    def describe(_admin: object, _names: list[str]) -> list[client.Topic]:
        asked.append(code)
        if len(asked) == 1:
            raise KafkaException(KafkaError(code))
        return FOUND

    monkeypatch.setattr(client, "_describe", describe)
    return asked


@pytest.mark.parametrize(
    "code",
    [
        # what a broker answered about topics that were being created
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        # what the protocol names beside them for a partition whose leader changes
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,
    ],
)
def test_a_partition_whose_leader_changes_is_asked_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    asked = _answers_first(monkeypatch, code)
    assert describe_topics(settings, ["ad-events"]) == FOUND
    assert len(asked) == 2


def test_a_refusal_is_raised_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _answers_first(monkeypatch, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(AdxError, match="cannot be used") as caught:
        describe_topics(settings, ["ad-events"])
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    assert len(asked) == 1
