import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from ingestion.kafka import describe_topics
from ingestion.lake import Lake
from ingestion.settings import Settings
from tests.waiting import wait_for


def event(number: int) -> bytes:
    return b'{"timestamp":"2026-03-28T10:00:00Z","event_name":"view","event_id":"%d"}' % number


Positions = list[tuple[int, int]]
"""(partition, offset) of records or rows, in order; a duplicate is there twice."""


class EventTopic:
    """The topic user-events: what was sent to it, and what the lake holds of it."""

    def __init__(
        self, settings: Settings, send: Callable[..., None], raw_rows: Callable[..., Any]
    ) -> None:
        self.settings = settings
        self._send = send
        self._raw_rows = raw_rows

    def send(self, count: int) -> None:
        """Send so many events to each of two partitions."""
        events = [event(number) for number in range(count)]
        for partition in (0, 1):
            self._send(self.settings, "user-events", events, partition=partition)

    def sent(self) -> Positions:
        (topic,) = describe_topics(self.settings, ["user-events"])
        return [(part, offset) for part in sorted(topic.end) for offset in range(topic.end[part])]

    def landed(self) -> Positions:
        rows = self._raw_rows(self.settings, "user-events")
        return [(row["_kafka_partition"], row["_kafka_offset"]) for row in rows]

    def wait_until_landed(self) -> None:
        wait_for("all that was sent", lambda: self.landed() == self.sent())


@pytest.fixture
def make_topic(
    send: Callable[..., None], raw_rows: Callable[..., Any], make_topics: Callable[..., list[str]]
) -> Callable[[Settings], EventTopic]:
    def make(settings: Settings) -> EventTopic:
        make_topics(settings, ["user-events"])
        Lake.open(settings).ensure_tables()
        return EventTopic(settings, send, raw_rows)

    return make


@pytest.fixture
def topic(stream_settings: Settings, make_topic: Callable[[Settings], EventTopic]) -> EventTopic:
    """A topic that is landed in batches of 30 records."""
    return make_topic(stream_settings.model_copy(update={"stream_batch_records": 30}))


@pytest.fixture
def start_stream() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `python -m ingestion.streaming user-events` in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(
        settings: Settings, *options: str, failpoint: str | None = None
    ) -> subprocess.Popen[str]:
        values = settings.model_dump(mode="json", exclude_none=True, exclude={"kafka_options"})
        environment = os.environ | {f"ADX_{name.upper()}": str(values[name]) for name in values}
        environment.pop("ADX_FAILPOINT", None)
        if failpoint is not None:
            environment["ADX_FAILPOINT"] = failpoint
        process = subprocess.Popen(
            [sys.executable, "-m", "ingestion.streaming", *options, "user-events"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


class Service:
    """A continuous stream in a thread of the test."""

    def __init__(self, settings: Settings) -> None:
        self.error: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(settings,))
        self._thread.start()

    def _run(self, settings: Settings) -> None:
        from ingestion.streaming import run_stream  # noqa: PLC0415

        try:
            run_stream(settings, ["user-events"], stop=self._stop, keep_spark=True)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def end(self) -> None:
        """Stop it and wait for its end."""
        self._stop.set()
        self.wait()

    def wait(self) -> None:
        """Wait for its end."""
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture
def run_service(drain: object) -> Callable[[Settings], AbstractContextManager[Service]]:
    """Run the service while a test looks; `drain` is asked for because it stops Spark at last."""

    @contextmanager
    def run(settings: Settings) -> Iterator[Service]:
        service = Service(settings)
        try:
            yield service
        finally:
            service.end()

    return run
