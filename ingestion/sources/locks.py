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
    """Take an exclusive lock on a file, which is made if it is not there.

    A lock is trusted rather than a process id: `/proc/<pid>` shows zombies as alive, and ids are
    used again.

    Returns:
        A descriptor that holds the lock until it is closed; None if another process holds it.
    """
    return _locked(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644))


def try_lock_folder(folder: Path) -> int | None:
    """Take an exclusive lock on a folder; see `try_lock`.

    Raises:
        FileNotFoundError: It is gone.
    """
    return _locked(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))


def _locked(descriptor: int) -> int | None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_locked(folder: Path) -> bool:
    """Whether another process holds an exclusive lock on a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


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
