"""Which process a pid file means."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ingestion.local_server import HOST, Server, free_ports


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path, "The sleeper", mark="3600.25")
    with made.lock():
        made.launch(["sleep", "3600.25"], {})
    yield made
    made.stop(signal.SIGKILL)


@pytest.mark.parametrize(
    ("arguments", "is_ours"), [(["sleep", "3600.25"], True), (["sleep", "12"], False)]
)
def test_a_process_is_known_by_its_next_program_while_it_becomes_another(
    server: Server, monkeypatch: pytest.MonkeyPatch, arguments: list[str], is_ours: bool
) -> None:
    """`env` becomes `bash` becomes `java`: for a moment the process has no arguments."""
    shown = iter([[], [], arguments])
    monkeypatch.setattr("psutil.Process.cmdline", lambda _: next(shown))
    assert (server.process() is not None) == is_ours


def test_a_process_that_never_has_arguments_is_not_the_server(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psutil.Process.cmdline", lambda _: [])
    monkeypatch.setattr("ingestion.local_server._EXEC_SECONDS", 0.05)
    assert server.process() is None


def test_a_process_with_other_arguments_or_another_start_is_not_the_server(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = server.process()
    assert found is not None
    monkeypatch.setattr("psutil.Process.cmdline", lambda _: ["sleep", "12"])
    assert server.process() is None
    monkeypatch.undo()

    record = {"pid": found.pid, "started": found.create_time() - 100}
    kept = (tmp_path / "server.pid").read_text(encoding="utf-8")
    (tmp_path / "server.pid").write_text(json.dumps(record), encoding="utf-8")
    assert server.process() is None
    (tmp_path / "server.pid").write_text(kept, encoding="utf-8")
    assert server.process() == psutil.Process(found.pid)


def test_no_connection_is_given_a_port_that_is_meant_for_a_server() -> None:
    """Linux takes those of connections from 32768 on, and from 49152 on is what IANA means."""
    assert max(free_ports(50)) < 32768


def test_free_ports_are_nobodys_and_each_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        first = taken.getsockname()[1]
        monkeypatch.setattr("ingestion.local_server._PORTS", range(first, first + 12))
        found = free_ports(5, beside={first + 1, first + 2})
    assert len(set(found)) == 5
    assert not {first, first + 1, first + 2} & set(found)
