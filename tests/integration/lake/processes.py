"""Runs works in processes side by side, and in processes that die.

Processes are forked: a fresh interpreter would spend seconds on imports, 100 times over.
"""

import os
import signal
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

FORK = get_context("fork")
DEADLINE_SECONDS = 120


def together(*works: Callable[[], None]) -> list[int]:
    """Run works in processes that start at one moment; gives their exit codes."""
    barrier = FORK.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        barrier.wait(DEADLINE_SECONDS)
        work()

    processes = [FORK.Process(target=run, args=(work,)) for work in works]
    for process in processes:
        process.start()
    for process in processes:
        process.join(DEADLINE_SECONDS)
    codes = [process.exitcode for process in processes]
    assert None not in codes, "a process hangs"
    return [code for code in codes if code is not None]


def killed_at(point: str, work: Callable[[], Any]) -> None:
    """Run a work in a process that kills itself at a failpoint."""

    def run() -> None:
        os.environ["ADX_FAILPOINT"] = point
        work()

    assert together(run) == [-signal.SIGKILL], f"{point} was not passed"
