"""The first link of the chain on a real broker: journal, Kafka, lake, and what is lost between."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from confluent_kafka import Consumer, TopicPartition

from ingestion.contracts import contract_for_topic
from ingestion.gaps import accept_gap
from ingestion.gaps.notes import SEQUENCE, new_row
from ingestion.kafka import client_config, describe_topics, free_port
from ingestion.lake import Lake, StreamClaim
from ingestion.lake.duckdb import connect
from ingestion.producers.inspection import inspect
from ingestion.producers.producer import open_producer
from ingestion.settings import Settings
from ingestion.streaming.offsets import next_life
from orchestration.warehouse.journals import journal_checks
from orchestration.warehouse.verdict import Failure
from tests.integration.landings import land_messages

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("producers")]

AD_EVENTS, USER_EVENTS = 300, 40
ARRIVED = "journal adx/{}: acknowledged = landed + given up + failed + in Kafka"
Change = Callable[[bytes], bytes | None]


def click(number: int) -> dict[str, Any]:
    return {
        "event_type": "click",
        "event_ts": "2026-03-28T10:00:00.123Z",
        "click": {
            "click_id": f"c-{number}",
            "impression_id": f"i-{number}",
            "user_id": f"user_{number}",
            "ip": "192.0.2.7",
            "user_agent": "Mozilla/5.0",
        },
    }


@pytest.fixture
def sent(stream_settings: Settings, make_topics: Callable[..., Any]) -> Settings:
    """A home whose producer has sent events to both topics; nothing is landed."""
    make_topics(stream_settings)
    Lake.open(stream_settings).ensure_tables()
    for topic, events in (
        ("ad-events", [click(number) for number in range(AD_EVENTS)]),
        ("user-events", [{"timestamp": "2026-03-28T10:00:00Z"}] * USER_EVENTS),
    ):
        with open_producer(stream_settings, topic) as producer:
            producer.accept(*events)
            assert producer.wait_until_sent(60)
    return stream_settings


def failures(settings: Settings) -> list[Failure]:
    """What is wrong; every check of both journals is made."""
    with connect(settings) as connection:
        checks = list(journal_checks(settings, Lake.open(settings), connection))
    assert [check.name.split(": ")[1].split(" ")[0] for check in checks] == [
        *("accepted", "acknowledged", "no"),
        *("accepted", "acknowledged"),
    ]
    return [check.failure for check in checks if check.failure is not None]


def unread(settings: Settings, topic: str) -> Iterator[tuple[int, list[bytes]]]:
    """By partition, the records that are not landed."""
    (found,) = describe_topics(settings, [topic])
    claims = Lake.open(settings).head(contract_for_topic(topic)).claims
    landed = claims.stream.get(found.topic_id, {})
    consumer = Consumer({**client_config(settings), "group.id": "reader"})
    try:
        for partition, end in found.end.items():
            first = landed.get(partition, 0)
            consumer.assign([TopicPartition(found.name, partition, first)])
            values: list[bytes] = []
            while len(values) < end - first:
                values += [record.value() for record in consumer.consume(end - first, timeout=20)]
            yield partition, values
    finally:
        consumer.close()


def land(settings: Settings, topic: str, *, most: int | None = None, **changed: Change) -> None:
    """Land what is unread, at most so many records a partition; some changed on the way.

    Args:
        settings: The home.
        topic: The topic.
        most: Records a partition.
        changed: What becomes of the record with a text in it.
    """

    def as_landed(value: bytes) -> bytes | None:
        changes = [change for text, change in changed.items() if text.encode() in value]
        return changes[0](value) if changes else value

    (found,) = describe_topics(settings, [topic])
    messages = {
        partition: [(as_landed(value), None) for value in values[:most]]
        for partition, values in unread(settings, topic)
    }
    land_messages(settings, topic, messages, found.topic_id)


def lose(_: bytes) -> None:
    """The record comes as nothing."""


def break_contract(value: bytes) -> bytes:
    return value.replace(b'"event_type":"click"', b'"event_type":"applause"')


def test_what_is_acknowledged_is_landed_failed_or_still_in_kafka(sent: Settings) -> None:
    assert failures(sent) == []
    land(sent, "ad-events", most=50, **{'"c-1"': break_contract})
    assert failures(sent) == []
    land(sent, "ad-events")
    land(sent, "user-events")
    assert failures(sent) == []
    away = sent.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{free_port()}"})
    assert failures(away) == [], "where nothing is missing nobody is asked"


def test_an_event_that_was_lost_is_told_with_its_number(sent: Settings) -> None:
    land(sent, "ad-events", **{'"c-7"': lose, '"c-8"': lose})
    (found,) = failures(sent)
    assert found.check == ARRIVED.format("ad-events")
    assert (found.where, found.others) == ("number 7", 1)
    assert found.expected == "300 events"
    assert found.found == "298 (298 landed, 0 given up, 0 failed, 0 in Kafka)"

    away = sent.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{free_port()}"})
    found = failures(away)[0]
    assert "; in Kafka: The Kafka broker at" in found.found


def test_numbers_that_somebody_gave_up_are_accounted_for(sent: Settings) -> None:
    land(sent, "ad-events", **{'"c-7"': lose, '"c-8"': lose})
    lake = Lake.open(sent)
    state = inspect(sent.producers / "adx" / "ad-events")
    found = {
        "kind": SEQUENCE,
        "producer_id": state.producer_id,
        "first_number": 7,
        "next_number": 9,
        "missing_count": 2,
        "message": "Two numbers have not arrived.",
    }
    row = new_row(contract_for_topic("ad-events"), [], "test", found)
    lake.append_ops("gaps", [row])
    assert len(failures(sent)) == 1
    accept_gap(sent, row["gap_id"], "the disk of that machine is gone")
    assert failures(sent) == []


def test_what_is_unread_of_another_life_of_a_topic_is_still_in_kafka(sent: Settings) -> None:
    land(sent, "ad-events", **{'"c-7"': lose})
    assert len(failures(sent)) == 1
    (topic,) = describe_topics(sent, ["ad-events"])
    lake, contract = Lake.open(sent), contract_for_topic("ad-events")
    again = StreamClaim(
        topic.name,
        next_life(topic.topic_id),
        dict.fromkeys(topic.end, 0),
        dict.fromkeys(topic.end, 0),
    )
    lake.commit_files(contract, [], again, expected_seq=lake.head(contract).ingest_seq)
    assert failures(sent) == []


@pytest.mark.parametrize("change", [{"event_type": "?"}, {"event_type": "?", "seq": [7]}])
def test_an_event_that_failed_may_have_anything_in_its_place(
    sent: Settings, change: dict[str, Any]
) -> None:
    def hostile(value: bytes) -> bytes:
        return orjson.dumps(orjson.loads(value) | change)

    land(sent, "ad-events", **{'"c-7"': hostile})
    found = failures(sent)
    assert [one.where for one in found] == (["number 7"] if "seq" in change else [])


def test_an_event_without_a_number_is_told_while_the_journal_has_it(sent: Settings) -> None:
    first = next(values[0] for _, values in unread(sent, "user-events") if values)
    event_id = orjson.loads(first)["event_id"]
    land(sent, "user-events", **{event_id: lose})
    (found,) = failures(sent)
    assert found.check == ARRIVED.format("user-events")
    assert found.found == "39 (39 landed, 0 failed, 0 in Kafka)"


def test_a_number_that_the_journal_never_gave_is_told(sent: Settings) -> None:
    def renumber(value: bytes) -> bytes:
        return json.dumps({**json.loads(value), "seq": AD_EVENTS}).encode()

    land(sent, "ad-events", **{'"c-7"': renumber})
    lost, foreign = failures(sent)
    assert (lost.check, lost.where) == (ARRIVED.format("ad-events"), "number 7")
    assert (foreign.where, foreign.expected) == ("number 300", "numbers below 300")


def test_a_journal_that_an_older_one_took_the_place_of_is_told(sent: Settings) -> None:
    folder = sent.producers / "adx" / "ad-events"
    (folder / "position.json").write_text('{"next": 310, "clock_ms": 0}')
    whole, arrived = failures(sent)
    assert whole.check == "journal adx/ad-events: accepted = acknowledged + to send"
    assert (whole.expected, whole.found) == ("300 events", "310 events")
    assert (arrived.where, arrived.others) == ("number 300", 9)
