import shutil
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from subprocess import Popen
from typing import Any

import psutil
import pytest

from ingestion.contracts import contract_for_topic
from ingestion.errors import AdxError, ExitCode
from ingestion.kafka import free_port, start_broker, stop_broker
from ingestion.lake import Lake
from ingestion.settings import Settings
from ingestion.streaming import run_stream
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("spark")]

RunService = Callable[[Settings], AbstractContextManager[Any]]


def test_a_service_that_is_told_to_stop_finishes_its_batch_and_exits_with_0(
    topic: Any, start_stream: Callable[..., Popen[str]]
) -> None:
    topic.send(20)
    process = start_stream(topic.settings)
    topic.wait_until_landed()
    topic.send(20)
    topic.wait_until_landed()
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
    assert topic.landed() == topic.sent()


def test_a_checkpoint_that_is_deleted_or_damaged_heals_without_a_person(
    topic: Any, run_service: RunService
) -> None:
    stale = topic.settings.checkpoints / "user-events" / "of-a-dead-run" / "checkpoint"
    stale.mkdir(parents=True)
    (stale / "metadata").write_text("not JSON")
    with run_service(topic.settings) as service:
        topic.send(20)
        topic.wait_until_landed()
        assert not stale.exists()

        shutil.rmtree(topic.settings.checkpoints / "user-events")
        topic.send(20)
        topic.wait_until_landed()

        def offset_logs() -> list[Path]:
            return list(topic.settings.checkpoints.glob("user-events/*/checkpoint/offsets/[0-9]*"))

        wait_for("a new checkpoint", offset_logs)
        for path in offset_logs():
            path.write_text("v1\n")
        topic.send(20)
        topic.wait_until_landed()
    assert service.error is None
    assert len(topic.landed()) == 120


def test_a_second_stream_of_the_same_topic_is_sent_away(
    topic: Any, run_service: RunService
) -> None:
    with run_service(topic.settings):
        topic.send(20)
        topic.wait_until_landed()
        with pytest.raises(AdxError) as caught:
            run_stream(topic.settings, ["user-events"], once=True)
        assert caught.value.exit_code == ExitCode.BUSY
    assert topic.landed() == topic.sent()


def test_of_two_streams_that_no_lock_keeps_apart_one_wins_and_nothing_is_landed_twice(
    stream_settings: Settings,
    make_topic: Callable[[Settings], Any],
    run_service: RunService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two hosts with one lake: the fence alone decides."""
    topic = make_topic(stream_settings)
    monkeypatch.setattr(Lake, "writer_lock", lambda *_: nullcontext())
    elsewhere = topic.settings.model_copy()
    elsewhere.__dict__["checkpoints"] = topic.settings.home / "other-host"
    with run_service(topic.settings) as one, run_service(elsewhere) as other:

        def loser_is_out() -> bool:
            topic.send(1)
            return one.error is not None or other.error is not None

        wait_for("one of them to give up", loser_is_out)
        errors = [service.error for service in (one, other) if service.error is not None]
        assert [error.exit_code for error in errors if isinstance(error, AdxError)] == [
            ExitCode.BUSY
        ]
        topic.send(20)
        topic.wait_until_landed()
    assert topic.landed() == topic.sent()
    seqs = Lake.open(topic.settings).head(contract_for_topic("user-events")).ingest_seq
    assert seqs > 1


def test_a_broker_that_goes_down_ends_the_service_and_nothing_is_lost(
    tmp_path: Path,
    make_topic: Callable[[Settings], Any],
    run_service: RunService,
    drain: Callable[..., Any],
) -> None:
    settings = Settings(
        home=tmp_path / "home",
        kafka_bootstrap=f"127.0.0.1:{free_port()}",
        kafka_partitions=2,
        stream_interval_seconds=0.3,
    )
    start_broker(settings)
    try:
        topic = make_topic(settings)
        topic.send(20)
        with run_service(topic.settings) as service:
            topic.wait_until_landed()
            topic.send(20)
            stop_broker(settings)
            service.wait()
        assert isinstance(service.error, AdxError)
        assert service.error.exit_code == ExitCode.UNAVAILABLE
        assert settings.kafka_bootstrap in str(service.error)
        start_broker(settings)
        drain(topic.settings, topics=["user-events"])
        assert topic.landed() == topic.sent()
        assert len(topic.sent()) == 80
    finally:
        stop_broker(settings)
