"""Producers on a real broker: kills, a broker that is away, the commands."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import orjson
import pytest
from confluent_kafka import Consumer, TopicPartition

from ingestion.contracts import contract_for_topic
from ingestion.errors import ExitCode
from ingestion.kafka import (
    client_config,
    create_topics,
    describe_topics,
    free_port,
    start_broker,
    stop_broker,
)
from ingestion.landing.strict import judge_json
from ingestion.producers.producer import open_producer
from ingestion.settings import Settings
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("producers")]

ADX = Path(sys.executable).with_name("adx")


def environment(settings: Settings, **others: str) -> dict[str, str]:
    return {
        **os.environ,
        "ADX_HOME": str(settings.home),
        "ADX_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "ADX_KAFKA_TOPIC_PREFIX": settings.kafka_topic_prefix,
        "ADX_KAFKA_PARTITIONS": str(settings.kafka_partitions),
        **others,
    }


def kept(settings: Settings, topic: str) -> list[Any]:
    """Every record that a topic holds."""
    consumer = Consumer({**client_config(settings), "group.id": "reader"})
    records: list[Any] = []
    try:
        (found,) = describe_topics(settings, [topic])
        for partition, end in found.end.items():
            consumer.assign([TopicPartition(found.name, partition, 0)])
            part: list[Any] = []
            while len(part) < end:
                more = consumer.consume(end - len(part), timeout=20)
                assert more
                part += more
            records += part
    finally:
        consumer.close()
    assert not [record.error() for record in records if record.error()]
    return records


def numbered(records: list[Any]) -> dict[int, Any]:
    """User events by their number; a number that was sent again has the same bytes."""
    found: dict[int, Any] = {}
    for record in records:
        headers = {name: value.decode() for name, value in record.headers()}
        value = found.setdefault(int(headers["seq"]), record.value())
        assert value == record.value()
    return found


def impression_lines(count: int) -> list[bytes]:
    return [
        orjson.dumps(
            {
                "event_type": "click",
                "event_ts": "2026-03-28T10:00:00.123Z",
                "click": {
                    "click_id": f"c-{n}",
                    "impression_id": f"i-{n}",
                    "user_id": f"user_{n % 50}",
                    "ip": "192.0.2.7",
                    "user_agent": "Mozilla/5.0",
                },
            }
        )
        for n in range(count)
    ]


@pytest.fixture
def settings(stream_settings: Settings, make_topics: Callable[..., Any]) -> Settings:
    make_topics(stream_settings)
    return stream_settings


def test_lines_reach_the_topic_once_and_users_keep_their_partition(settings: Settings) -> None:
    lines = [*impression_lines(5_000), b"nonsense"]
    done = subprocess.run(
        [ADX, "produce", "--json"],
        input=b"\n".join(lines),
        capture_output=True,
        env=environment(settings),
        timeout=120,
        check=False,
    )
    assert done.returncode == ExitCode.FAILED, done.stderr
    assert b"line 5001: " in done.stderr
    report = json.loads(done.stdout)
    assert (report["lines"], report["accepted"], report["refused"]) == (5001, 5000, 1)
    assert (report["journalled"], report["acknowledged"], report["waiting"]) == (5000, 5000, 0)
    records = kept(settings, "ad-events")
    events = [orjson.loads(record.value()) for record in records]
    assert sorted(event["seq"] for event in events) == list(range(5000))
    assert {event["producer_id"] for event in events} == {report["producer_id"]}
    assert len({event["event_id"] for event in events}) == 5000
    partitions = {(record.key(), record.partition()) for record in records}
    assert len(partitions) == 50
    assert len({partition for _, partition in partitions}) == 2
    contract = contract_for_topic("ad-events")
    assert not [event for event in records[:500] if judge_json(contract, event.value()).failure]


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Settings]:
    made = Settings(home=tmp_path / "home", kafka_bootstrap=f"127.0.0.1:{free_port()}")
    yield made
    stop_broker(made)


def test_while_the_broker_is_away_the_journal_is_the_buffer(own_broker: Settings) -> None:
    command = [ADX, "produce", "--wait", "0.2", "--topic", "user-events", "--json"]
    event = {"timestamp": "2023-10-23T12:34:56Z"}
    alone = subprocess.run(
        command,
        input=orjson.dumps(event),
        capture_output=True,
        env=environment(own_broker),
        timeout=60,
        check=False,
    )
    assert alone.returncode == ExitCode.UNAVAILABLE, alone.stderr
    assert json.loads(alone.stdout)["waiting"] == 1
    assert b"1 events wait in the journal" in alone.stderr

    with open_producer(own_broker, "user-events") as producer:
        producer.accept(event, event)
        start_broker(own_broker)
        create_topics(own_broker)
        assert producer.wait_until_sent(60)
        stop_broker(own_broker)
        producer.accept(*[event] * 500)
        assert not producer.wait_until_sent(0.5)
        start_broker(own_broker)
        assert producer.wait_until_sent(60)
    assert sorted(numbered(kept(own_broker, "user-events"))) == list(range(503))


def test_the_collector_takes_events_over_http(settings: Settings) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [ADX, "produce", "collect", "--port", str(port)], env=environment(settings)
    ) as process:
        try:
            wait_for("the collector", lambda: _status(f"{address}/health") == 200)
            events = [{"timestamp": "2023-10-23T12:34:56Z", "event_name": "view"}] * 3
            assert _status(f"{address}/v1/events/user-events", orjson.dumps(events)) == 202
            assert _status(f"{address}/v1/events/user-events", b"[]") == 400
            assert _status(f"{address}/v1/events/user-events", b" " * 2_000_000) == 413
            # who is still sending is not cut off before reading why
            assert _status(f"{address}/v1/events/user-events", _slowly(20), 2_000_000) == 413
            pixel = f"{address}/v1/pixel/video?impression_id=i&video_event=start&position_ms=0"
            assert _status(pixel) == 200
            second = subprocess.run(
                [ADX, "produce"],
                input=b"",
                capture_output=True,
                env=environment(settings),
                timeout=60,
                check=False,
            )
            assert second.returncode == ExitCode.BUSY
            assert b"Another process is the producer adx" in second.stderr
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert len(kept(settings, "user-events")) == 3
    assert len(kept(settings, "ad-events")) == 1


def _slowly(parts: int) -> Iterator[bytes]:
    for _ in range(parts):
        time.sleep(0.05)
        yield b" " * 100_000


def _status(address: str, body: bytes | Iterator[bytes] | None = None, size: int = 0) -> int:
    headers = {"Content-Length": str(size)} if size else {}
    try:
        with urlopen(Request(address, body, headers), timeout=20) as answer:  # noqa: S310 - loopback
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except OSError:
        time.sleep(0.05)
        return 0
