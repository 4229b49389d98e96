"""A server process of ours that outlives the command which starts it.

Its folder holds its data, `server.log` and `server.pid`. The pid file also holds the start time of
the process, so that a pid that the system has given to somebody else meanwhile is never signalled.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.problems import storage_errors

HOST: Final = "127.0.0.1"
_LOG_BYTES: Final = 10 * 1024 * 1024
_START_TIME_TOLERANCE: Final = 2.0
"""Seconds by which the reported start time of one process may differ when the clock is set."""
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True)
class ServerStatus:
    """What is known about a local server.

    Attributes:
        running: Its process lives.
        ready: It answers.
        address: Where it answers.
        pid: Its process id, if it runs.
        log: Its log file.
    """

    running: bool
    ready: bool
    address: str
    pid: int | None
    log: Path


class Server:
    """One server process.

    Args:
        folder: Folder of its data, log and pid file.
        name: What it is, for messages.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.log = folder / "server.log"
        self._name = name
        self._pid_file = folder / "server.pid"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One start or stop at a time.

        Raises:
            AdxError: The folder cannot be written.
        """
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "lock").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield

    def process(self) -> psutil.Process | None:
        """The process, if the one that the pid file names is still that very process."""
        try:
            record = json.loads(self._pid_file.read_text(encoding="utf-8"))
            process = psutil.Process(record["pid"])
            same = abs(process.create_time() - record["started"]) < _START_TIME_TOLERANCE
            return process if same and _is_alive(process) else None
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, psutil.Error):
            return None

    def launch(self, command: Sequence[str], environment: Mapping[str, str]) -> psutil.Process:
        """Start the process; its output goes to the log.

        Args:
            command: Program and arguments.
            environment: Variables beside those of this process.
        """
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as output:
            started = subprocess.Popen(
                list(command),
                cwd=self.folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in a terminal is for the command alone
            )
        process = psutil.Process(started.pid)
        record = json.dumps({"pid": process.pid, "started": process.create_time()})
        scratch = self._pid_file.with_suffix(".tmp")
        scratch.write_text(record, encoding="utf-8")
        scratch.replace(self._pid_file)
        return process

    def wait_until(self, ready: Callable[[], bool], process: psutil.Process) -> None:
        """Wait until it answers.

        Raises:
            AdxError: Its process ends, or it does not answer in time.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not ready():
            if not _is_alive(process):
                raise self.failed("its process ended")
            if time.monotonic() > deadline:
                raise self.failed(f"it did not answer within {_START_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> bool:
        """Stop it and wait until it has gone; False if it did not run."""
        if not self.folder.exists():
            return False
        with self.lock():
            process = self.process()
            if process is None:
                return False
            process.send_signal(number)
            if not self._has_gone(process):
                process.kill()
                self._has_gone(process)
            self._pid_file.unlink()
            return True

    def _has_gone(self, process: psutil.Process) -> bool:
        """Whether it ends in time; a zombie, whose parent does not reap it, has ended, too."""
        deadline = time.monotonic() + _STOP_SECONDS
        while _is_alive(process):
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def failed(self, what: str) -> AdxError:
        """The error for a server that does not start."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing logged")
        return AdxError(
            f"{self._name} did not start: {what} ({last[:300]}).",
            remedy=f"Read {self.log}.",
            exit_code=ExitCode.UNAVAILABLE,
        )


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def loopback_port(url: str | None, setting: str) -> int:
    """The port of a URL on loopback.

    Raises:
        AdxError: The URL is another machine's, or has no port.
    """
    parts = urlsplit(url or "")
    if parts.hostname not in {HOST, "localhost"} or parts.port is None:
        raise AdxError(
            f"{setting} is {url or 'not set'}, which is no port on {HOST}; a local server serves "
            "loopback only.",
            remedy=f"Set it to a URL with {HOST}:<port>, or manage that server where it runs.",
            exit_code=ExitCode.CONFIGURATION,
        )
    return parts.port


def demand_free(port: int, setting: str) -> None:
    """Make sure that nobody listens on a port.

    Raises:
        AdxError: Somebody does.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise AdxError(
                f"Port {port} on {HOST} is taken by another process.",
                remedy=f"Stop that process, or set {setting} to a free port.",
                exit_code=ExitCode.BUSY,
            ) from error


def free_ports(count: int) -> list[int]:
    """So many different ports on loopback that nobody listens on."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
