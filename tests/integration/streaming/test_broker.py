import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.kafka import (
    broker_status,
    create_topics,
    describe_topics,
    free_port,
    start_broker,
    stop_broker,
)
from ingestion.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    made = Settings(home=tmp_path / "home", kafka_bootstrap=f"127.0.0.1:{free_port()}")
    yield made
    stop_broker(made)


def test_records_survive_a_restart_and_a_second_start_changes_nothing(
    settings: Settings, send: Callable[..., None]
) -> None:
    started = start_broker(settings)
    assert start_broker(settings) == started == broker_status(settings)
    assert create_topics(settings) == ["ad-events", "user-events"]
    assert create_topics(settings) == []
    send(settings, "ad-events", [b"1", b"2", b"3"], partition=3)
    before = describe_topics(settings)
    assert before[0].end == {0: 0, 1: 0, 2: 0, 3: 3}

    assert stop_broker(settings)
    assert not stop_broker(settings)
    assert not broker_status(settings).running
    with pytest.raises(AdxError, match="cannot be used") as caught:
        describe_topics(settings)
    assert caught.value.exit_code == ExitCode.UNAVAILABLE

    restarted = start_broker(settings)
    assert restarted.pid != started.pid
    assert describe_topics(settings) == before
    send(settings, "ad-events", [bytes(7 * 1024 * 1024)])  # far longer than a contract accepts

    listening = psutil.Process(restarted.pid).net_connections()
    assert {item.laddr.ip for item in listening if item.status == psutil.CONN_LISTEN} <= {
        "127.0.0.1",
        "::ffff:127.0.0.1",
    }


def test_a_broker_whose_starter_does_not_look_after_it_can_be_stopped(settings: Settings) -> None:
    start = (
        "import sys; from ingestion.kafka import start_broker; "
        "from ingestion.settings import Settings; "
        "start_broker(Settings.model_validate_json(sys.argv[1])); print('started', flush=True); "
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start, settings.model_dump_json()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "started\n"
        assert stop_broker(settings)  # to its starter it is a zombie now
        assert not broker_status(settings).running
        assert starter.poll() is None


def test_a_port_that_is_taken_is_named(settings: Settings) -> None:
    host, port = settings.kafka_bootstrap.split(":")
    with socket.create_server((host, int(port))):
        with pytest.raises(AdxError, match=f"Port {port} .* is taken") as caught:
            start_broker(settings)
        assert caught.value.exit_code == ExitCode.BUSY


def test_a_process_that_got_the_pid_of_an_old_broker_is_left_alone(settings: Settings) -> None:
    settings.kafka.mkdir(parents=True)
    pid_file = settings.kafka / "broker.pid"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        process = psutil.Process(stranger.pid)
        for started in (process.create_time(), process.create_time() - 100):
            pid_file.write_text(json.dumps({"pid": stranger.pid, "started": started}))
            assert not broker_status(settings).running
            assert not stop_broker(settings)
            assert stranger.poll() is None


@pytest.mark.parametrize("text", ["", "{", '{"pid": 1}', '{"pid": "x", "started": "y"}', "[]"])
def test_a_damaged_pid_file_is_no_broker(settings: Settings, text: str) -> None:
    settings.kafka.mkdir(parents=True)
    (settings.kafka / "broker.pid").write_text(text)
    assert not broker_status(settings).running


def test_a_folder_that_cannot_be_written_is_named(settings: Settings) -> None:
    settings.home.mkdir()
    settings.kafka.write_text("a file, not a folder")
    with pytest.raises(AdxError, match=r"kafka cannot be written") as caught:
        start_broker(settings)
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    settings.kafka.unlink()


def test_a_broker_elsewhere_is_not_started_here(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, kafka_bootstrap="kafka.example.com:9092")
    with pytest.raises(AdxError, match="serves loopback only") as caught:
        start_broker(settings)
    assert caught.value.exit_code == ExitCode.CONFIGURATION


def test_java_that_dies_is_told_with_its_log(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(
        '#!/bin/sh\n[ "$1" = -version ] && { echo \'version "17.0.1"\' >&2; exit 0; }\n'
        "echo 'java.io.IOException: bad disk'; exit 3\n"
    )
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{java.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(AdxError, match=r"did not start: .*java\.io\.IOException: bad disk"):
        start_broker(settings)
