"""Where every dropped file stands that is not in the lake yet: waiting, taken or failed.

What is loaded, and what was sent again, is in `ops.file_registry`.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ingestion.lake.problems import storage_errors
from ingestion.settings import Settings
from ingestion.sources.drop_queue import Attempt, DropQueue, printable
from ingestion.sources.error_archive import error_archive
from ingestion.sources.origins import copied, origins_of

_NEXT = "the next landing takes it"

FileState = Literal["waiting", "taken", "failed"]


@dataclass(frozen=True)
class DroppedFile:
    """One file that was dropped and is not loaded.

    Attributes:
        source: The source it was dropped for.
        state: `waiting` in the drop folder, `taken` by a landing, `failed` in the error archive.
        name: The name it was dropped under; of a delivery its own.
        bytes: Its size.
        since: When it got there, UTC.
        attempt: The landing that took it; empty while it waits.
        step: What failed; empty for others.
        reason: Why it is where it is.
        retry: The command that puts a failed file back and lands it; empty for others.
    """

    source: str
    state: FileState
    name: str
    bytes: int
    since: datetime
    attempt: str = ""
    step: str = ""
    reason: str = ""
    retry: str = ""


def dropped_files(settings: Settings, source: str) -> list[DroppedFile]:
    """The files of one source that are waiting, taken and failed, in this order.

    Looks twice, `drop_quiet_seconds` apart, at files that have just appeared.

    Raises:
        AdxError: The drop folder cannot be read.
    """
    with storage_errors(settings.drop):
        queue = DropQueue(settings.drop, source, settings.drop_quiet_seconds)
        return [
            *_waiting(queue, source),
            *_in_bucket(queue, source, settings),
            *_taken(queue, source),
            *_held(queue, source),
            *_failed(settings, source),
        ]


def _waiting(queue: DropQueue, source: str) -> list[DroppedFile]:
    whole, waiting = queue.ready()
    deliveries, unfinished = queue.deliveries()
    reasons = {
        **waiting,
        **unfinished,
        **dict.fromkeys(queue.in_transfer(), "its name says that it is on its way"),
        **dict.fromkeys([*whole, *deliveries], _NEXT),
    }
    return [
        file
        for name, reason in sorted(reasons.items())
        if (file := _at(queue.incoming / name, source, "waiting", reason)) is not None
    ]


def _in_bucket(queue: DropQueue, source: str, settings: Settings) -> list[DroppedFile]:
    if settings.drop_url is None:
        return []
    # boto3 takes 0.3 s to import, which a drop folder alone need not pay
    from ingestion.sources.drop_bucket import drop_bucket  # noqa: PLC0415

    bucket = drop_bucket(settings, source)
    pending = bucket.pending(copied(queue))
    found = [*((item, _NEXT) for item in pending.whole), *pending.waiting]
    return [
        DroppedFile(
            source,
            "waiting",
            bucket.name_of(item),
            item.bytes,
            item.modified_at.astimezone(UTC),
            reason=f"{reason} ({item.location})",
        )
        for item, reason in sorted(found, key=lambda pair: pair[0].location)
    ]


def _taken(queue: DropQueue, source: str) -> list[DroppedFile]:
    found = []
    for taken in queue.taken():
        reason = (
            "it is being landed" if taken.is_alive else "its landing died; the next one finishes it"
        )
        file = _at(taken.path, source, "taken", reason, taken.attempt)
        if file is not None:
            found.append(file)
    return found


def _held(queue: DropQueue, source: str) -> Iterator[DroppedFile]:
    """Objects that could neither be copied nor set aside."""
    for folder in sorted(queue.processing.glob("[!.]*")):
        with suppress(FileNotFoundError):  # it was finished this very moment
            since = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
            origins = origins_of(folder)
            for name in sorted(Attempt(folder).held() or ()):
                origin = origins[name]
                reason = f"{origin.problem} The next landing moves it to {origin.aside}"
                yield DroppedFile(
                    source, "taken", name, origin.bytes, since, folder.name, "copy", reason
                )


def _failed(settings: Settings, source: str) -> list[DroppedFile]:
    return [
        DroppedFile(
            source,
            "failed",
            file.reason.name,
            file.reason.bytes,
            datetime.fromisoformat(file.reason.failed_at),
            file.attempt,
            file.reason.step,
            file.reason.message,
            file.reason.retry,
        )
        for file in error_archive(settings, source).files()
    ]


def _at(
    path: Path, source: str, state: FileState, reason: str, attempt: str = ""
) -> DroppedFile | None:
    """A file, or a delivery, as it is now; None if it has just gone."""
    try:
        found = path.lstat()
        inside = [inner.lstat().st_size for inner in path.iterdir()] if path.is_dir() else []
    except FileNotFoundError:
        return None
    size = sum(inside) if path.is_dir() else found.st_size
    since = datetime.fromtimestamp(found.st_ctime, UTC)
    return DroppedFile(source, state, printable(path.name), size, since, attempt, "", reason)
