"""A server process of ours that outlives the command which starts it.

Its folder holds its data, its log and its pid file. The pid file also holds the start time of the
process, so that a pid that the system has given to somebody else meanwhile is never signalled.
"""

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Final
from urllib.parse import urlsplit

import psutil

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.problems import storage_errors

HOST: Final = "127.0.0.1"
_PORTS: Final = range(20_000, 32_768)
"""Where `free_ports` looks: above the ports that settings have by default, below the system's."""
_LOG_BYTES: Final = 10 * 1024 * 1024
_START_TIME_TOLERANCE: Final = 2.0
"""Seconds by which the reported start time of one process may differ when the clock is set."""
_POLL_SECONDS: Final = 0.1
_EXEC_SECONDS: Final = 2.0
"""Seconds within which a process that starts another program shows its arguments."""


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
        stem: Name of its log and pid file.
        mark: What stands in the command line of this server and of no other process.
        start_seconds: How long it may take to answer.
        stop_seconds: How long it may take to end.
        remedy: What to do if it does not start, as the end of "Read <its log>".
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        stem: str = "server",
        mark: str = "",
        start_seconds: float = 120.0,
        stop_seconds: float = 30.0,
        remedy: str = "",
    ) -> None:
        self.folder = folder
        self.log = folder / f"{stem}.log"
        self._name = name
        self._pid_file = folder / f"{stem}.pid"
        self._mark = mark
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds
        self._remedy = remedy

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One start or stop at a time.

        Raises:
            AdxError: The folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = (self.folder / "lock").open("w")
        except OSError as error:
            raise AdxError(
                f"{self._name} cannot be used: its folder {self.folder} cannot be written: "
                f"{error.strerror}.",
                remedy="Make it writable, free some disk space, or set ADX_HOME elsewhere.",
                exit_code=ExitCode.UNAVAILABLE,
            ) from error
        with file, storage_errors(self.folder):
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def process(self) -> psutil.Process | None:
        """The process, if the one that the pid file names is still that very process."""
        try:
            record = json.loads(self._pid_file.read_text(encoding="utf-8"))
            process = psutil.Process(record["pid"])
            same = abs(process.create_time() - record["started"]) < _START_TIME_TOLERANCE
            ours = any(self._mark in argument for argument in _arguments(process))
            return process if same and ours and _is_alive(process) else None
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            return None

    def status(self, address: str, answers: Callable[[], bool]) -> ServerStatus:
        """Whether it runs and answers.

        Args:
            address: Where it answers.
            answers: Asks it; only if its process lives.
        """
        process = self.process()
        if process is None:
            return ServerStatus(False, False, address, None, self.log)
        return ServerStatus(True, answers(), address, process.pid, self.log)

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
        deadline = time.monotonic() + self._start_seconds
        while not ready():
            if not _is_alive(process):
                raise self.failed("its process ended")
            if time.monotonic() > deadline:
                raise self.failed(f"it did not answer within {self._start_seconds:.0f} s")
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
        deadline = time.monotonic() + self._stop_seconds
        while _is_alive(process):
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def failed(self, what: str) -> AdxError:
        """The error for a server that does not start."""
        logged = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        lines = [line.strip() for line in reversed(logged.splitlines()) if line.strip()]
        # Java logs where an exception came from below it.
        reason = next((line for line in lines if "Exception" in line), (lines or ["no log"])[0])
        return AdxError(
            f"{self._name} did not start: {what} ({reason[:300]}).",
            remedy=f"Read {self.log}{self._remedy}.",
            exit_code=ExitCode.UNAVAILABLE,
        )


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _arguments(process: psutil.Process) -> list[str]:
    """The command line; it is empty for a moment while a program gives way to the next.

    `env` becomes `bash`, and that becomes `java`. A thread of the kernel never has one.
    """
    deadline = time.monotonic() + _EXEC_SECONDS
    while not (found := process.cmdline()) and _is_alive(process):
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS / 10)
    return found


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
    if not is_free(port):
        raise AdxError(
            f"Port {port} on {HOST} is taken by another process.",
            remedy=f"Stop that process, or set {setting} to a free port.",
            exit_code=ExitCode.BUSY,
        )


def is_free(port: int) -> bool:
    """Whether nobody listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int, *, beside: Collection[int] = ()) -> list[int]:
    """So many different ports on loopback that nobody listens on, chosen at random.

    They lie below those that the system hands out by itself (32768 and up on Linux, 49152 and up
    elsewhere): one of those may become the near end of any connection before its server is up.

    Args:
        count: How many.
        beside: Ports that are spoken for, though nobody listens on them yet.
    """
    with ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            port = SystemRandom().choice(_PORTS)
            if port in beside:
                continue
            try:
                stack.enter_context(socket.socket()).bind((HOST, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                found.append(port)
        return found
