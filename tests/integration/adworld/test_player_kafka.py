"""The player on a real broker: what it sends, a kill -9 while it sends, another broker."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from ingestion.adworld import create_world, play
from ingestion.adworld.program import TOPICS
from ingestion.adworld.sinks import MemorySink
from ingestion.errors import AdxError, ExitCode
from ingestion.kafka import client_config, describe_topics
from ingestion.settings import Settings

pytestmark = pytest.mark.slow

SCALE = 900

# Sends 150 messages, waits until the broker has them, then sends more and dies at once.
DYING = """
import itertools, os, signal
from ingestion.adworld import play
from ingestion.adworld.sinks import KafkaSink
from ingestion.settings import load_settings

class Dying(KafkaSink):
    sent = 0

    def send(self, messages):
        for message in messages:
            super().send([message])
            self.sent += 1
            if self.sent == 150:
                self.flush()
            if self.sent == 170:
                os.kill(os.getpid(), signal.SIGKILL)

settings = load_settings()
play(settings, 1, sink=Dying(settings))
"""


@pytest.fixture
def settings(stream_settings: Settings) -> Settings:
    create_world(stream_settings.world, 5, SCALE, partitions=stream_settings.kafka_partitions)
    return stream_settings


def _kept(settings: Settings) -> dict[str, list[list[tuple[Any, ...]]]]:
    """Everything that the topics hold, in the order of their offsets."""
    consumer = Consumer({**client_config(settings), "group.id": "reader"})
    kept: dict[str, list[list[tuple[Any, ...]]]] = {}
    try:
        for name, topic in zip(TOPICS, describe_topics(settings, TOPICS), strict=True):
            kept[name] = []
            for partition, end in sorted(topic.end.items()):
                consumer.assign([TopicPartition(topic.name, partition, 0)])
                records: list[Any] = []
                while len(records) < end:
                    found = consumer.consume(end - len(records), timeout=20)
                    assert found
                    records += found
                assert not [record.error() for record in records if record.error()]
                kept[name].append(
                    [
                        (name, partition, record.key(), record.value(), record.headers())
                        for record in records
                    ]
                )
    finally:
        consumer.close()
    return kept


def _expected(settings: Settings, days: int, folder: Path) -> dict[str, list[list[Any]]]:
    """What a world that nothing interrupts sends."""
    other = Settings(home=folder)
    create_world(other.world, 5, SCALE, partitions=settings.kafka_partitions)
    sink = MemorySink(partitions=settings.kafka_partitions)
    for day in range(1, days + 1):
        play(other, day, sink=sink)
        shutil.rmtree(other.drop)
    return sink.kept


def test_a_day_is_on_the_broker_once_also_after_a_kill(settings: Settings, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "ADX_HOME": str(settings.home),
        "ADX_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "ADX_KAFKA_TOPIC_PREFIX": settings.kafka_topic_prefix,
        "ADX_KAFKA_PARTITIONS": str(settings.kafka_partitions),
    }
    died = subprocess.run([sys.executable, "-c", DYING], env=environment, timeout=120, check=False)
    assert died.returncode == -signal.SIGKILL
    before = sum(sum(topic.end.values()) for topic in describe_topics(settings, TOPICS))
    assert before >= 150

    report = play(settings, 1)
    expected = _expected(settings, 2, tmp_path)
    assert report.messages > 0
    assert play(settings, 1).messages == 0
    shutil.rmtree(settings.drop)
    play(settings, 2)
    assert _kept(settings) == expected


def test_topics_that_others_filled_are_refused(settings: Settings, send: Any) -> None:
    play(settings, 1)
    send(settings, "ad-events", [b"{}"])
    with pytest.raises(AdxError, match="do not hold what this ad world has sent") as caught:
        play(settings, 1)
    assert caught.value.exit_code == ExitCode.DATA


def test_a_broker_that_is_down_is_named_and_nothing_is_half_played(settings: Settings) -> None:
    down = settings.model_copy(update={"kafka_bootstrap": "127.0.0.1:1"})
    with pytest.raises(AdxError) as caught:
        play(down, 1)
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    assert not (settings.drop / "adserver").exists() or not list(
        (settings.drop / "adserver").iterdir()
    )
    assert play(settings, 1).messages > 0
