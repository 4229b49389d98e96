"""Processes of the platform that are killed, stopped and started again."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import psutil

from ingestion.failpoints import VARIABLE
from ingestion.settings import Settings
from tests.chaos.suite import MissedError

DEADLINE_SECONDS = 120.0
_TRIES = 3


def environment(settings: Settings, fault: str | None = None, **more: str) -> dict[str, str]:
    """The environment of a process with these settings, and a fault if there is one."""
    values = settings.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    own = {
        f"ADX_{name.upper()}": json.dumps(value) if isinstance(value, dict) else str(value)
        for name, value in values.items()
    }
    clean = {name: value for name, value in os.environ.items() if name != VARIABLE}
    return {**clean, **own, **({VARIABLE: fault} if fault else {}), **more}


def start(
    arguments: list[str],
    settings: Settings,
    fault: str | None = None,
    *,
    output: IO[bytes] | int = subprocess.DEVNULL,
    **more: str,
) -> subprocess.Popen[bytes]:
    """Start Python with some arguments."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=environment(settings, fault, **more),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )


def wait_until(
    what: str,
    look: Callable[[], bool],
    *,
    seconds: float = DEADLINE_SECONDS,
    process: subprocess.Popen[bytes] | None = None,
    log: Path | None = None,
) -> float:
    """Look until it is so; gives the seconds.

    Raises:
        TimeoutError: It never was.
        ChildProcessError: The process ended before it was.
    """
    began = time.monotonic()
    while not look():
        if process is not None and process.poll() is not None and not look():
            told = log.read_text(errors="replace")[-600:] if log is not None else ""
            raise ChildProcessError(f"it ended with {process.returncode} before {what}: {told}")
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(0.05)
    return time.monotonic() - began


def is_stopped(pid: int) -> bool:
    """Whether a process stands still."""
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def family(pid: int) -> list[psutil.Process]:
    """The processes below one."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def is_at_work(pid: int, home: Path) -> bool:
    """Whether a process has begun with its work: it holds a file of its home open."""
    try:
        held = psutil.Process(pid).open_files()
    except psutil.Error:
        return False  # it has ended
    return any(Path(file.path).is_relative_to(home.resolve()) for file in held)


def kill_at_work(
    begin: Callable[[], subprocess.Popen[bytes]],
    home: Path,
    rng: random.Random,
    seconds: float,
    again: Callable[[], object],
) -> None:
    """Kill a process at any time of its work; one that has ended before is tried again, sooner.

    Args:
        begin: Starts the process.
        home: Its home.
        rng: Decides when.
        seconds: How long its work usually takes.
        again: Gives the next try something to do.

    Raises:
        MissedError: It ended before in each try.
    """
    for number in range(_TRIES):
        if number:
            again()
        process = begin()
        try:
            wait_until(
                "it is at work",
                lambda: process.poll() is not None or is_at_work(process.pid, home),  # noqa: B023
            )
            time.sleep(rng.uniform(0.0, seconds / 2**number))
        finally:
            end(process)
        if process.returncode == -signal.SIGKILL:
            return
    raise MissedError(f"it ended with {process.returncode}")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it has started, whatever state they are in."""
    below = family(process.pid)
    if process.poll() is None:
        process.kill()
    process.wait()
    for child in below:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(below, timeout=10)
