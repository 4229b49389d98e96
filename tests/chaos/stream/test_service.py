import os
import re
import shutil
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
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


DAMAGES: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "cut short": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "written over": lambda path: path.write_bytes(b"\x00\xff{garbage" * 20),
}
FILES = {
    "ingest_seq",
    "checkpoint/metadata",
    "checkpoint/.metadata.crc",
    "checkpoint/offsets/N",
    "checkpoint/offsets/.N.crc",
    "checkpoint/commits/N",
    "checkpoint/commits/.N.crc",
}
"""What Spark and the stream write in the folder of a query, with numbers as N."""


IN_THE_MAKING = (".tmp", ".tmp.crc")
"""Ends of the names under which Spark writes a file and its checksum, before it renames both."""


def newest_files(settings: Settings) -> dict[str, Path]:
    """The newest file of each kind that a running query has."""
    folder = settings.checkpoints / "user-events"
    # os.walk, unlike glob, goes on where a query that begins anew removes a folder meanwhile
    files = [Path(at, name) for at, _, names in os.walk(folder) for name in names]
    files.sort(key=lambda path: [int(part) for part in re.findall(r"\d+", path.name)])
    names = [str(Path(*path.relative_to(folder).parts[1:])) for path in files]
    return {
        re.sub(r"\d+", "N", name): path
        for name, path in zip(names, files, strict=True)
        if not name.endswith(IN_THE_MAKING)
    }


@pytest.mark.timeout(600)
def test_any_file_of_a_checkpoint_may_be_damaged_in_any_way_while_the_stream_runs(
    topic: Any, run_service: RunService
) -> None:
    lake, contract = Lake.open(topic.settings), contract_for_topic("user-events")
    sent = 0

    def send_and_wait() -> None:
        nonlocal sent
        topic.send(2)
        sent += 4
        wait_for("what was sent", lambda: lake.head(contract).rows == sent)

    def whole() -> dict[str, Path] | None:
        files = newest_files(topic.settings)
        return files if files.keys() >= FILES else None

    with run_service(topic.settings) as service:
        send_and_wait()
        for name in sorted(FILES):
            for damage in DAMAGES.values():
                files = wait_for("what Spark notes behind a batch", whole)
                with suppress(FileNotFoundError):  # the query has moved on to the next file
                    damage(files[name])
                send_and_wait()
                assert service.error is None
                if name not in newest_files(topic.settings):
                    # this damage does not hurt a query that runs: the next one begins anew
                    shutil.rmtree(topic.settings.checkpoints / "user-events", ignore_errors=True)
                    send_and_wait()
        others = wait_for("what Spark notes behind a batch", whole).keys() - FILES
        assert others == set(), "a kind of file that nobody damages"
    assert service.error is None
    assert topic.landed() == topic.sent()


def test_a_checkpoint_that_was_damaged_between_runs_is_never_looked_at(
    topic: Any, run_service: RunService, drain: Callable[..., Any], tmp_path: Path
) -> None:
    """What a killed run left: the whole folder of a running query, as it was."""
    folder = topic.settings.checkpoints / "user-events"
    with run_service(topic.settings):
        topic.send(2)
        topic.wait_until_landed()
        wait_for("all files", lambda: newest_files(topic.settings).keys() >= FILES)
        # what is still being made may be gone before it is copied
        in_the_making = shutil.ignore_patterns(*(f"*{end}" for end in IN_THE_MAKING))
        shutil.copytree(folder, tmp_path / "left", ignore=in_the_making)
    for damage in DAMAGES.values():
        shutil.copytree(tmp_path / "left", folder)
        files = [path for path in folder.glob("*/**/*") if path.is_file()]
        assert files
        for path in files:
            damage(path)
        topic.send(2)
        drain(topic.settings, topics=["user-events"])
        assert topic.landed() == topic.sent()
        assert not folder.exists()
    folder.write_text("not even a folder")
    topic.send(2)
    drain(topic.settings, topics=["user-events"])
    assert topic.landed() == topic.sent()


def test_of_two_streams_that_are_started_at_once_one_lands_and_the_other_stops_cleanly(
    topic: Any, start_stream: Callable[..., Popen[str]]
) -> None:
    topic.send(20)
    processes = [start_stream(topic.settings, "--once") for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    codes = [process.returncode for process in processes]
    assert sorted(codes) == [ExitCode.OK, ExitCode.BUSY], outputs
    loser = outputs[codes.index(ExitCode.BUSY)]
    assert "is writing raw_user_events.events" in loser
    assert "Traceback" not in loser
    assert topic.landed() == topic.sent()


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
