"""The drop folder as a queue: whole files are taken, atomically, and none is ever lost.

    <drop>/<source>/<name>                  what producers write: a file
    <drop>/<source>/<delivery>/<name>       or files that belong together
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

A file whose name is too long to have markers and notes beside it, or that is not UTF-8, waits until
somebody renames it.

A folder is a delivery: its files are landed all or none. It is whole when `<delivery>.done` is
newer than everything in it; without that marker nobody can know whether more is to come.

Taking is a rename, so two landings can never have the same file. A landing holds a lock on its
folder; when it dies the kernel drops the lock, and the next landing finishes the folder.
"""

import errno
import fcntl
import json
import os
import re
import signal
import stat
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake.durable import write_file
from ingestion.sources.locks import is_locked, try_lock_folder

_IN_TRANSFER = re.compile(r"^\.|\.(tmp|part|partial|filepart)$")
_MARKER = ".done"
_LOADS = ".loads"
_HELD = ".held"
_DELIVERY = "~"
"""In the name of an attempt, what follows is the delivery that it took."""
LONGEST_NAME = 200
"""Bytes; what stands beside a file has longer names, and file systems end at 255."""
LONGEST_DELIVERY = 150
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
class Taken:
    """A file that a landing has taken.

    Attributes:
        path: Where it is.
        attempt: The attempt that took it.
        is_alive: Whether that landing still runs; if not, the next one finishes it.
    """

    path: Path
    attempt: str
    is_alive: bool


def _keep(_name: str) -> None:
    """Nothing but the taken file is there to be removed."""


@dataclass(frozen=True)
class Attempt:
    """A folder of taken files, locked by this process.

    Attributes:
        folder: Where they are.
        release: Told the name of a file that is finished, before the file is removed: what it was
            copied from can go.
    """

    folder: Path
    release: Callable[[str], None] = field(default=_keep, compare=False)

    @property
    def id(self) -> str:
        """Its name: the time of taking and something random; then the delivery, if it is one."""
        return self.folder.name

    @property
    def delivery(self) -> str:
        """Name of the delivery whose files are landed all or none; empty for single files."""
        return delivery_of(self.id)

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
        failpoint("drop.after_note")

    def loads(self) -> set[str]:
        """The packages that were noted."""
        try:
            return set((self.folder / _LOADS).read_text(encoding="utf-8").splitlines())
        except FileNotFoundError:
            return set()

    def hold(self, names: Iterable[str]) -> None:
        """Keep the folder for objects that were not copied and cannot be set aside, by names.

        While it is there, a landing takes none of them for new.
        """
        write_file(self.folder / _HELD, json.dumps(sorted(names)).encode())

    def held(self) -> frozenset[str] | None:
        """The names that the folder is kept for; None if it never was."""
        try:
            text = (self.folder / _HELD).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return frozenset(json.loads(text))

    def finish(self, path: Path) -> None:
        """Remove a file that is committed or archived, with its marker."""
        self.release(path.name)
        failpoint("drop.before_remove")
        path.with_name(path.name + _MARKER).unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder if all its files are finished, and it is not kept for others."""
        if self.files() or self.held():
            return
        for path in sorted(self.folder.iterdir(), reverse=True):  # the origins before what is held
            path.unlink()
        self.folder.rmdir()


def delivery_of(attempt: str) -> str:
    """The delivery that an attempt of this name took; empty for single files."""
    return attempt.partition(_DELIVERY)[2]


def new_attempt(delivery: str = "") -> str:
    """A name for an attempt."""
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex[:8]}"
    return f"{stamp}{_DELIVERY}{delivery}" if delivery else stamp


def is_in_transfer(name: str) -> bool:
    """Whether a name says that a file is on its way."""
    return _IN_TRANSFER.search(name) is not None


def name_problem(name: str, longest: int = LONGEST_NAME) -> str:
    """Why nothing of this name can be taken; empty if it can.

    Args:
        name: The name of a file or a delivery.
        longest: Bytes that it may have.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "its name is not UTF-8: rename it"
    return f"its name is longer than {longest} bytes: rename it" if size > longest else ""


def printable(name: str) -> str:
    """A name as it can be shown; bytes that are not UTF-8 are escaped."""
    return name.encode(errors="backslashreplace").decode()


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

    def ready(self) -> tuple[list[str], dict[str, str]]:
        """Names of the files that are whole; and of the others, with the reason.

        Waits up to `quiet_seconds` for files that have just appeared.
        """
        looks = {
            entry.name: _look(Path(entry.path))
            for entry in os.scandir(self.incoming)
            if not _IN_TRANSFER.search(entry.name) and not entry.name.endswith(_MARKER)
        }
        problems = {
            name: problem
            for name, (look, _) in looks.items()
            if look is not None and (problem := name_problem(name))
        }
        pending = {name: look for name, look in looks.items() if name not in problems}
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
                return sorted(whole), problems | dict.fromkeys(pending, "it is still being written")
            time.sleep(_POLL_SECONDS)

    def in_transfer(self) -> list[str]:
        """Names of files that say that they are on their way."""
        return sorted(
            path.name
            for path in self.incoming.iterdir()
            if is_in_transfer(path.name) and Look.at(path) is not None
        )

    def deliveries(self) -> tuple[list[str], dict[str, str]]:
        """Names of the deliveries that are whole; and of the others, with the reason."""
        whole: list[str] = []
        waiting: dict[str, str] = {}
        for folder in sorted(self.incoming.iterdir()):
            if is_in_transfer(folder.name) or folder.is_symlink() or not folder.is_dir():
                continue
            with suppress(FileNotFoundError):  # another landing has taken it
                problem = self._unfinished(folder)
                if problem:
                    waiting[folder.name] = problem
                else:
                    whole.append(folder.name)
        return whole, waiting

    def _unfinished(self, folder: Path) -> str:
        """Why a delivery cannot be taken; empty if it can."""
        if problem := name_problem(folder.name, LONGEST_DELIVERY):
            return problem
        changed = [folder.stat().st_ctime_ns]
        for path in folder.iterdir():
            look, changed_ns = _look(path)
            if look is None or is_in_transfer(path.name):
                return f"{printable(path.name)} in it is no finished file"
            if problem := name_problem(path.name):
                return f"{printable(path.name)} in it: {problem}"
            changed.append(changed_ns)
        try:
            marked = folder.with_name(folder.name + _MARKER).stat().st_ctime_ns
        except FileNotFoundError:
            return f"{folder.name}{_MARKER} is missing, so more files may come"
        return "" if marked >= max(changed) else f"{folder.name}{_MARKER} is older than its files"

    @contextmanager
    def take_deliveries(self, names: list[str]) -> Iterator[list[Attempt]]:
        """Take deliveries, each a folder of its own, locked for the block.

        A delivery that another landing took first is simply not among them.
        """
        locks: list[int] = []
        attempts: list[Attempt] = []
        try:
            for name in names:
                folder = self.incoming / name
                descriptor = _adopt(folder)
                if descriptor is None:
                    continue
                locks.append(descriptor)
                # the lock goes with the folder: nobody sees it under its new name unlocked
                attempts.append(Attempt(folder.rename(self.processing / new_attempt(name))))
                failpoint("drop.after_take")
                folder.with_name(name + _MARKER).unlink(missing_ok=True)
            yield attempts
            for attempt in attempts:
                attempt.close()
        finally:
            for descriptor in locks:
                os.close(descriptor)

    def taken(self) -> list[Taken]:
        """The files that landings have taken and not finished, oldest attempt first."""
        found = []
        for folder in sorted(self.processing.glob("[!.]*")):
            with suppress(FileNotFoundError):  # it was finished this very moment
                alive = is_locked(folder)
                files = Attempt(folder).files()
                found += [Taken(path, folder.name, alive) for path in files]
        return found

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
        name = new_attempt()
        # locked before it gets its name: a folder that others can see unlocked is a dead one
        hidden = self.processing / f".{name}"
        hidden.mkdir()
        descriptor = try_lock_folder(hidden)
        folder = hidden.rename(self.processing / name)
        try:
            for file in names:
                self._take(file, folder)
                failpoint("drop.after_take")
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
        descriptor = try_lock_folder(folder)
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
