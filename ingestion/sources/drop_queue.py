"""The drop folder as a queue: whole files are taken, atomically, and none is ever lost.

    <drop>/<source>/                        what producers write
    <drop>/processing/<source>/<attempt>/   what one landing has taken, locked while it lives
    <drop>/error/<source>/<attempt>/        files that could not be finished, with their reasons

When is a file whole? Producers promise an atomic rename or a `.done` marker (see
`docs/runbooks/file-sources.md`), and the queue does not take their word for more than it must:

1. Names that begin with a dot or end in `.tmp`, `.part`, `.partial` or `.filepart` are transfers
   on their way: never looked at.
2. `<name>.done`, not older than `<name>`, says that `<name>` is whole: it is taken at once.
3. Without a marker a file is taken when no process of this machine has it open for writing (asked
   of the kernel, where it can tell) and when two looks, `quiet_seconds` apart, see the same file:
   same inode, size and times. A file whose last change is already older than that needs no second
   look: its change time is the first look, and unlike its modification time nobody can set it.
4. The landing looks once more after parsing: a file that changed meanwhile waits for the next run.

Taking is a rename, so two landings can never have the same file. A landing holds a lock on its
folder; when it dies the kernel drops the lock, and the next landing finishes the folder.
"""

import errno
import fcntl
import os
import re
import signal
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingestion.errors import AdxError, ExitCode
from ingestion.sources.locks import try_lock

_IN_TRANSFER = re.compile(r"^\.|\.(tmp|part|partial|filepart)$")
_MARKER = ".done"
_LOADS = ".loads"
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Look:
    """What tells one state of a file from another."""

    inode: int
    size: int
    modified_ns: int

    @classmethod
    def at(cls, path: Path) -> "Look | None":
        """Look at a file; None if it is gone or no regular file (links are not followed)."""
        return _look(path)[0]


def _look(path: Path) -> tuple[Look | None, int]:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None, 0
    if not stat.S_ISREG(found.st_mode):
        return None, 0
    return Look(found.st_ino, found.st_size, found.st_mtime_ns), found.st_ctime_ns


def being_written(path: Path) -> bool:
    """Whether a process of this machine has the file open for writing.

    Linux grants a read lease only on a file that nobody has open for writing (fcntl(2),
    F_SETLEASE). Where leases do not exist (other systems, network file systems, another user's
    file) the answer is no, and the two looks decide alone.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # who opens the file this very moment breaks the lease; the default notice, SIGIO, kills
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(descriptor)
    return False


@dataclass(frozen=True)
class Attempt:
    """A folder of taken files, locked by this process."""

    folder: Path

    @property
    def id(self) -> str:
        """Its name: the time of taking and something random."""
        return self.folder.name

    def files(self) -> list[Path]:
        """The files that are not finished yet, by name."""
        return sorted(
            path
            for path in self.folder.iterdir()
            if not path.name.startswith(".")
            and not path.name.endswith(_MARKER)
            and Look.at(path) is not None
        )

    def note_load(self, load_id: str) -> None:
        """Note that a package with files of this attempt is about to be committed.

        A landing that finishes this folder after a crash can then tell a file that was loaded
        from here from one whose content had been loaded before.
        """
        with (self.folder / _LOADS).open("a", encoding="utf-8") as notes:
            notes.write(f"{load_id}\n")
            notes.flush()
            os.fsync(notes.fileno())

    def loads(self) -> set[str]:
        """The packages that were noted."""
        try:
            return set((self.folder / _LOADS).read_text(encoding="utf-8").splitlines())
        except FileNotFoundError:
            return set()

    def finish(self, path: Path) -> None:
        """Remove a file that is committed or archived, with its marker."""
        path.with_name(path.name + _MARKER).unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder if all its files are finished."""
        if self.files():
            return
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()


class DropQueue:
    """The drop folder of one source.

    Args:
        drop: Folder of all file sources.
        source: The source.
        quiet_seconds: How long a file without a marker must stay unchanged.

    Raises:
        AdxError: A folder cannot be made or read.
    """

    def __init__(self, drop: Path, source: str, quiet_seconds: float) -> None:
        self.incoming = drop / source
        self.processing = drop / "processing" / source
        self.error = drop / "error" / source
        self._quiet_ns = int(quiet_seconds * 1e9)
        for folder in (self.incoming, self.processing, self.error):
            folder.mkdir(parents=True, exist_ok=True)

    def ready(self) -> tuple[list[str], list[str]]:
        """Names of the files that are whole, and of those that are still being written.

        Waits up to `quiet_seconds` for files that have just appeared.
        """
        pending = {
            entry.name: _look(Path(entry.path))
            for entry in os.scandir(self.incoming)
            if not _IN_TRANSFER.search(entry.name) and not entry.name.endswith(_MARKER)
        }
        whole: list[str] = []
        deadline = time.monotonic_ns() + self._quiet_ns
        while True:
            for name, (first, _) in list(pending.items()):
                path = self.incoming / name
                look, changed_ns = _look(path)
                if look is None:
                    del pending[name]
                elif look == first and self._is_whole(path, look, changed_ns):
                    whole.append(name)
                    del pending[name]
            if not pending or time.monotonic_ns() > deadline:
                return sorted(whole), sorted(pending)
            time.sleep(_POLL_SECONDS)

    def _is_whole(self, path: Path, look: Look, changed_ns: int) -> bool:
        marker, _ = _look(path.with_name(path.name + _MARKER))
        if marker is not None and marker.modified_ns >= look.modified_ns:
            return True
        if time.time_ns() - changed_ns < self._quiet_ns:
            return False
        return not being_written(path)

    @contextmanager
    def take(self, names: list[str]) -> Iterator[Attempt]:
        """Take files into a folder of their own, locked for the block.

        A file that another landing took first is simply not in it.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        name = f"{stamp}-{uuid.uuid4().hex[:8]}"
        # locked before it gets its name: a folder that others can see unlocked is a dead one
        hidden = self.processing / f".{name}"
        hidden.mkdir()
        descriptor = try_lock(hidden)
        folder = hidden.rename(self.processing / name)
        try:
            for file in names:
                self._take(file, folder)
            yield Attempt(folder)
            Attempt(folder).close()
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _take(self, name: str, folder: Path) -> None:
        try:
            (self.incoming / name).rename(folder / name)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            raise AdxError(
                f"{self.incoming} and {self.processing} lie on different file systems, so files "
                "cannot be taken atomically.",
                remedy="Put them on one file system.",
                exit_code=ExitCode.CONFIGURATION,
            ) from error
        marker = name + _MARKER
        if (self.incoming / marker).exists():
            (self.incoming / marker).rename(folder / marker)

    @contextmanager
    def abandoned(self) -> Iterator[list[Attempt]]:
        """The folders of landings that died, oldest first, locked for the block."""
        locks: list[int] = []
        attempts: list[Attempt] = []
        try:
            for folder in sorted(self.processing.glob("[!.]*")):
                descriptor = _adopt(folder)
                if descriptor is None:
                    continue
                locks.append(descriptor)
                attempts.append(Attempt(folder))
            yield attempts
            for attempt in attempts:
                attempt.close()
        finally:
            for descriptor in locks:
                os.close(descriptor)


def _adopt(folder: Path) -> int | None:
    """Lock a folder if its owner is dead; None if it lives or has just finished."""
    try:
        descriptor = try_lock(folder)
    except FileNotFoundError:
        return None
    if descriptor is None:
        return None
    try:
        still_there = folder.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        still_there = False
    if still_there:
        return descriptor
    os.close(descriptor)
    return None
