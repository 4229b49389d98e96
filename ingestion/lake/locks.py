"""A lock that keeps well-meant processes apart; the fence is what guarantees."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.durable import make_folder


@contextmanager
def process_lock(folder: Path, name: str) -> Iterator[None]:
    """Hold a lock while the body runs; the kernel drops it when the process dies.

    Args:
        folder: Folder of the lake.
        name: What is locked, such as `raw_ad_events.events`.

    Raises:
        AdxError: Another process holds it.
    """
    make_folder(folder / "locks")
    path = folder / "locks" / f"{name}.lock"
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            raise AdxError(
                f"Another process (pid {holder}) is writing {name}.",
                remedy="Wait until it is done or stop it, then run it again.",
                exit_code=ExitCode.BUSY,
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


@contextmanager
def committing(folder: Path) -> Iterator[None]:
    """Say to `no_commits` that a commit is under way; any number of processes may say so at once.

    Args:
        folder: Folder of the lake.
    """
    with _commits(folder) as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield


@contextmanager
def no_commits(folder: Path) -> Iterator[None]:
    """Keep every commit of this machine waiting while the body runs.

    Args:
        folder: Folder of the lake.

    Raises:
        AdxError: A commit is under way.
    """
    with _commits(folder) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AdxError(
                f"Another process is committing to the lake in {folder}.",
                remedy="Wait until it is done or stop it, then run it again.",
                exit_code=ExitCode.BUSY,
            ) from None
        yield


def _commits(folder: Path) -> TextIO:
    make_folder(folder / "locks")
    return (folder / "locks" / "commits.lock").open("a+")
