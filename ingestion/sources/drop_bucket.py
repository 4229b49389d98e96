"""A bucket prefix as a drop folder: objects are copied into the landing area, then landed as files.

    s3://<bucket>/<prefix>/<source>/<name>                    a file
    s3://<bucket>/<prefix>/<source>/<delivery>/<name>         files that belong together
    s3://<bucket>/<prefix>/<source>/<delivery>.done           now the delivery is whole
    s3://<bucket>/<prefix>/error/<source>/<attempt>/<name>    what could not be copied as it is

An object is there whole or not at all, so single objects need no marker. There is no rename that
could take them, so taking goes like this:

1. A hidden folder of the landing area is filled by several copiers, each copy checked and synced
   (`s3_objects`).
2. The origin of each file, location, ETag and hash, is written beside it; then the folder gets its
   name. From then on it is an attempt like those of the drop folder: locked while its landing
   lives, finished by the next one when it died.
3. When a file is committed, known or archived, its object is removed, if it still has that ETag;
   then the file.

A death before step 2 leaves a hidden folder, which the next landing removes, and every object where
it was. A death after it leaves both, and the hash of the content, claimed in the lake, decides that
it is not loaded twice. Two machines may copy one object; the lake takes its content from one.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from ingestion.errors import AdxError
from ingestion.failpoints import failpoint
from ingestion.lake.durable import sync_folder
from ingestion.lake.storage import join
from ingestion.settings import Settings
from ingestion.sources.drop_queue import (
    LONGEST_DELIVERY,
    Attempt,
    DropQueue,
    is_in_transfer,
    name_problem,
    new_attempt,
)
from ingestion.sources.locks import try_lock, try_lock_folder
from ingestion.sources.origins import Origin, copied, write_origins
from ingestion.sources.s3_objects import DamagedCopyError, GoneError, RemoteObject, S3Objects

_ORIGINS: Final = ".origins.json"
_COPYING: Final = ".copying-"
_MARKER: Final = ".done"
_ROUND_BYTES: Final = 16 * 1024**3
"""What one landing copies at most; the rest comes with the next one. The disk must hold it."""


@dataclass(frozen=True)
class Pending:
    """What stands in the bucket for one source.

    Attributes:
        single: Objects that are files of their own.
        deliveries: Objects of each delivery that is whole, by its name.
        waiting: Objects that cannot be taken yet, with the reason.
        markers: The markers of files and deliveries that are whole, by their names.
    """

    single: tuple[RemoteObject, ...]
    deliveries: dict[str, tuple[RemoteObject, ...]]
    waiting: tuple[tuple[RemoteObject, str], ...]
    markers: dict[str, list[RemoteObject]]

    @property
    def whole(self) -> list[RemoteObject]:
        """Everything that can be taken."""
        return [*self.single, *(item for items in self.deliveries.values() for item in items)]


@dataclass
class Taken:
    """What a landing has taken out of the bucket.

    Attributes:
        attempts: The attempts; what could not be copied is in their origins.
        waiting: Names of objects that stay for a later landing, with the reason.
        problem: Why it could not go on.
    """

    attempts: list[Attempt] = field(default_factory=list)
    waiting: list[tuple[str, str]] = field(default_factory=list)
    problem: AdxError | None = None

    def wait(self, names: Iterable[str], reason: str) -> None:
        """Leave objects to a later landing."""
        self.waiting += [(name, reason) for name in names]


Copied = tuple[RemoteObject, str | DamagedCopyError]
"""An object, and the hash of its copy or what is wrong with it."""


class DropBucket:
    """The bucket prefix of one source.

    Args:
        url: `s3://<bucket>/<prefix>` of all file sources.
        source: The source.
        copiers: How many objects are copied at a time.
        objects: The S3 service; that of the environment by default.
    """

    def __init__(
        self, url: str, source: str, copiers: int, objects: S3Objects | None = None
    ) -> None:
        self.incoming = join(url, source)
        self._error = join(url, "error", source)
        self._copiers = copiers
        self._objects = objects or S3Objects()

    def pending(self, taken: frozenset[tuple[str, str]] = frozenset()) -> Pending:
        """What stands in the bucket now.

        Args:
            taken: Objects, by location and ETag, that a landing has copied and will remove.

        Raises:
            AdxError: The service cannot be reached or refuses.
        """
        single: list[RemoteObject] = []
        folders: dict[str, list[RemoteObject]] = {}
        markers: dict[str, list[RemoteObject]] = {}
        waiting: list[tuple[RemoteObject, str]] = []
        blocked: set[str] = set()
        for found in self._objects.below(self.incoming):
            folder, _, name = self.name_of(found).rpartition("/")
            if (found.location, found.etag) in taken or not name:
                continue  # consoles make an empty object for a folder
            if name.endswith(_MARKER) and "/" not in folder:
                # one inside a delivery says nothing, and goes with it
                markers.setdefault(folder or name.removesuffix(_MARKER), []).append(found)
            elif problem := _problem(folder, name):
                waiting.append((found, problem))
                blocked.add(folder.partition("/")[0])
            elif folder:
                folders.setdefault(folder, []).append(found)
            else:
                single.append(found)
        deliveries: dict[str, tuple[RemoteObject, ...]] = {}
        for folder, items in folders.items():
            ends = [item for item in markers.get(folder, ()) if "/" not in self.name_of(item)]
            problem = _unfinished(folder, items, ends)
            if folder in blocked:
                problem = "another object of its delivery cannot be taken"
            if problem:
                waiting += [(item, problem) for item in items]
            else:
                deliveries[folder] = tuple(items)
        return Pending(tuple(single), deliveries, tuple(waiting), markers)

    @contextmanager
    def take(self, queue: DropQueue) -> Iterator[Taken]:
        """Copy what is whole into the landing area of a queue; locked for the block.

        Where the service fails, what was not taken by then stays in the bucket, and the problem is
        part of what this gives: other files need not wait for it.
        """
        taken = Taken()
        with ExitStack() as locks:
            copying = try_lock(queue.processing / f"{_COPYING}lock")
            try:
                if copying is None:
                    found = self.pending(copied(queue)).whole
                    taken.wait(map(self.name_of, found), "another landing is copying")
                else:
                    self._take(queue, taken, locks)
            except AdxError as error:
                taken.problem = error
            finally:
                if copying is not None:
                    os.close(copying)
            yield taken
            for attempt in taken.attempts:
                attempt.close()

    def name_of(self, found: RemoteObject) -> str:
        """The name of an object in the report: `<name>`, or `<delivery>/<name>`."""
        return found.location.removeprefix(f"{self.incoming}/")

    def _take(self, queue: DropQueue, taken: Taken, locks: ExitStack) -> None:
        for left in queue.processing.glob(f"{_COPYING}*/"):
            shutil.rmtree(left)
        pending = self.pending(copied(queue))
        for found, reason in pending.waiting:
            taken.wait([self.name_of(found)], reason)
        for delivery, items in self._chosen(pending, taken):
            folder = queue.processing / f"{_COPYING}{new_attempt(delivery)}"
            copies = self._copy(folder, delivery, items, taken)
            if not copies:
                continue
            write_origins(folder, self._origins(_attempt_of(folder), delivery, copies, pending))
            descriptor = try_lock_folder(folder)
            if descriptor is not None:
                locks.callback(os.close, descriptor)
            failpoint("bucket.before_take")
            # locked before it gets its name: a folder that others can see unlocked is a dead one
            named = folder.rename(queue.processing / _attempt_of(folder))
            sync_folder(queue.processing)
            failpoint("bucket.after_take")
            taken.attempts.append(Attempt(named))

    def _chosen(self, pending: Pending, taken: Taken) -> list[tuple[str, Sequence[RemoteObject]]]:
        """What this landing copies: each delivery, then single objects, with an attempt each."""
        room, single = _ROUND_BYTES, list[RemoteObject]()
        groups: list[tuple[str, Sequence[RemoteObject]]] = [
            *pending.deliveries.items(),
            *(("", (found,)) for found in pending.single),
        ]
        chosen: list[tuple[str, Sequence[RemoteObject]]] = []
        for delivery, items in groups:
            size = sum(item.bytes for item in items)
            if size > room and room < _ROUND_BYTES:
                taken.wait(map(self.name_of, items), "the next landing takes it")
                continue
            room -= size
            if delivery:
                chosen.append((delivery, items))
            else:
                single += items
        return [*chosen, ("", single)] if single else chosen

    def _copy(
        self, folder: Path, delivery: str, items: Sequence[RemoteObject], taken: Taken
    ) -> list[Copied]:
        """Copy objects into a new folder, side by side; none if there is nothing to take."""
        folder.mkdir()
        try:
            with ThreadPoolExecutor(self._copiers) as pool:
                copies = list(pool.map(partial(self._copy_one, folder), items))
        except BaseException:
            shutil.rmtree(folder)  # it may have filled the disk
            raise
        both = list(zip(items, copies, strict=True))
        made = [(item, copy) for item, copy in both if copy is not None]
        if delivery and len(made) < len(items):
            gone = next(item.name for item, copy in both if copy is None)
            taken.wait(map(self.name_of, items), f"{gone} of its delivery has just changed")
            made = []
        if not made:
            shutil.rmtree(folder)
        return made

    def _copy_one(self, folder: Path, found: RemoteObject) -> str | DamagedCopyError | None:
        """The hash of the copy; what is wrong with it; None if the object is another one now."""
        try:
            return self._objects.copy(found, folder / found.name)
        except GoneError:
            return None
        except DamagedCopyError as error:
            return error

    def _origins(
        self, attempt: str, delivery: str, copies: list[Copied], pending: Pending
    ) -> dict[str, Origin]:
        """The origins of an attempt's files; a marker goes with one of the files it is for."""
        names = [found.name for found, _ in copies]
        marked = {names[0]: delivery} if delivery else dict(zip(names, names, strict=True))
        origins = {}
        for found, copy in copies:
            mark = marked.get(found.name)
            markers = pending.markers.get(mark, ()) if mark is not None else ()
            origin = Origin(
                found.location,
                found.etag,
                found.bytes,
                str(copy),
                markers=tuple((marker.location, marker.etag) for marker in markers),
            )
            if isinstance(copy, DamagedCopyError):
                origin = replace(
                    origin,
                    sha256=copy.sha256,
                    problem=copy.message,
                    remedy=copy.remedy,
                    aside=join(self._error, attempt, found.name),
                )
            origins[found.name] = origin
        return origins


def drop_bucket(settings: Settings, source: str) -> DropBucket:
    """The bucket prefix of a source, for settings that have one."""
    if settings.drop_url is None:
        raise ValueError("no ADX_DROP_URL")
    return DropBucket(settings.drop_url.rstrip("/"), source, settings.drop_copies)


def _attempt_of(folder: Path) -> str:
    """The name that a folder gets when all is copied."""
    return folder.name.removeprefix(_COPYING)


def _unfinished(delivery: str, items: Sequence[RemoteObject], ends: Sequence[RemoteObject]) -> str:
    """Why a delivery is not whole; empty if it is."""
    if not ends:
        return f"{delivery}{_MARKER} is missing, so more files may come"
    if ends[0].modified_at < max(item.modified_at for item in items):
        return f"{delivery}{_MARKER} is older than it"
    return ""


def _problem(folder: str, name: str) -> str:
    """Why an object can be no file of the landing area; empty if it can."""
    if "/" in folder:
        return "it lies deeper than a delivery"
    if is_in_transfer(name) or is_in_transfer(folder):
        return "its name says that it is on its way"
    if problem := name_problem(folder, LONGEST_DELIVERY) or name_problem(name):
        return problem
    if "\0" in folder + name:
        return "its name is none for a file"
    return ""
