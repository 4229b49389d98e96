"""File locks that the kernel drops with the process that held them."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingestion.errors import AdxError, ExitCode

_POLL_SECONDS = 0.05


def try_lock(path: Path) -> int | None:
    """Take an exclusive lock on a file or folder.

    A lock is trusted rather than a process id: `/proc/<pid>` shows zombies as alive, and ids are
    used again.

    Returns:
        A descriptor that holds the lock until it is closed; None if another process holds it.
    """
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def exclusive(path: Path, holder: str, wait_seconds: float) -> Iterator[None]:
    """Hold a lock file for a block, waiting for another process to finish first.

    Args:
        path: The lock file; made with its folder.
        holder: What the lock guards, as a person calls it.
        wait_seconds: How long to wait.

    Raises:
        AdxError: Another process still holds the lock (BUSY).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    while (descriptor := try_lock(path)) is None:
        if time.monotonic() >= deadline:
            raise AdxError(
                f"Another process is already landing {holder}.",
                remedy="Wait until it is done, then run this again.",
                exit_code=ExitCode.BUSY,
            )
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        os.close(descriptor)
