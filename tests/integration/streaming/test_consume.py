from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from ingestion.errors import AdxError, ExitCode
from ingestion.kafka import client_config, describe_topics, free_port
from ingestion.settings import Settings
from ingestion.streaming import consume
from ingestion.streaming.consume import consume_range
from ingestion.streaming.plan import TaskRange

pytestmark = pytest.mark.slow


def take(
    settings: Settings, start: int, end: int, *, event_ids: bool = False
) -> list[tuple[int, bytes | None, str | None]]:
    task = TaskRange(0, start, end, 1, datetime.now(UTC))
    chunks = list(
        consume_range(settings, settings.topic("user-events"), task, with_event_ids=event_ids)
    )
    return [
        (offset, value, event_id)
        for chunk in chunks
        for offset, value, event_id in zip(
            chunk.offsets.to_pylist(),
            chunk.values.to_pylist(),
            chunk.event_ids.to_pylist() if event_ids else [None] * len(chunk.offsets),
            strict=True,
        )
    ]


@pytest.fixture
def settings(stream_settings: Settings, make_topics: Callable[..., list[str]]) -> Settings:
    make_topics(stream_settings, ["user-events"])
    return stream_settings


def test_exactly_the_range_is_consumed(settings: Settings, send: Callable[..., None]) -> None:
    send(settings, "user-events", [b"%d" % number for number in range(10)])
    assert take(settings, 3, 7) == [(offset, b"%d" % offset, None) for offset in range(3, 7)]


def test_the_last_clean_header_gives_the_event_id(
    settings: Settings, send: Callable[..., None]
) -> None:
    headers = [
        None,
        [("event_id", b"one"), ("event_id", b"two"), ("other", b"x")],
        [("event_id", b"one"), ("event_id", None)],
        [("event_id", b"\xff")],
        [("event_id", b"nul\x00")],
        [("other", b"x")],
    ]
    send(settings, "user-events", [b"v"] * 6, headers=headers)
    found = [event_id for _, _, event_id in take(settings, 0, 6, event_ids=True)]
    assert found == [None, "two", None, None, None, None]


def test_a_tombstone_is_a_record(settings: Settings, send: Callable[..., None]) -> None:
    send(settings, "user-events", [None, b"", b"x"])
    assert take(settings, 0, 3) == [(0, None, None), (1, b"", None), (2, b"x", None)]


def test_offsets_that_carry_no_record_do_not_keep_a_task_waiting(settings: Settings) -> None:
    producer = Producer({**client_config(settings), "transactional.id": settings.topic("t")})
    producer.init_transactions(30)
    for value, finish in ((b"kept", "commit"), (b"undone", "abort"), (b"too", "commit")):
        producer.begin_transaction()
        producer.produce(settings.topic("user-events"), value, partition=0)
        producer.flush(30)
        getattr(producer, f"{finish}_transaction")(30)
    (topic,) = describe_topics(settings, ["user-events"])
    assert topic.end[0] == 6  # three records, three markers
    assert take(settings, 0, 6) == [(0, b"kept", None), (4, b"too", None)]


def test_an_open_transaction_is_not_planned(settings: Settings) -> None:
    producer = Producer({**client_config(settings), "transactional.id": settings.topic("t")})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(settings.topic("user-events"), b"open", partition=0)
    producer.flush(30)
    assert describe_topics(settings, ["user-events"])[0].end[0] == 0
    producer.abort_transaction(30)


def test_records_that_expire_between_plan_and_task_halt_the_task(
    settings: Settings, send: Callable[..., None]
) -> None:
    send(settings, "user-events", [b"x"] * 10)
    admin = AdminClient(client_config(settings))
    name = settings.topic("user-events")
    for future in admin.delete_records([TopicPartition(name, 0, 4)]).values():
        future.result()
    with pytest.raises(AdxError, match="have expired") as caught:
        take(settings, 2, 10)
    assert caught.value.exit_code == ExitCode.DATA
    assert len(take(settings, 4, 10)) == 6


def test_a_broker_that_does_not_answer_ends_the_task(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consume, "_DOWN_SECONDS", 0.5)
    gone = settings.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{free_port()}"})
    with pytest.raises(AdxError, match="cannot be used") as caught:
        take(gone, 0, 1)
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
