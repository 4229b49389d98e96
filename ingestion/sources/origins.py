"""Where the files of an attempt were copied from, kept beside them.

No boto3 here: it takes 0.3 s to import, which a drop folder alone need not pay.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake.durable import write_file
from ingestion.sources.drop_queue import Attempt, DropQueue

if TYPE_CHECKING:
    from ingestion.sources.s3_objects import S3Objects

_ORIGINS: Final = ".origins.json"


@dataclass(frozen=True)
class Origin:
    """The object that a file of the landing area was copied from.

    Attributes:
        location: Where it is.
        etag: What tells this content of the object from another.
        bytes: Its size.
        sha256: Hash of the content as it arrived; empty if what arrived is not the object.
        problem: Why it must not be landed; empty if nothing is wrong.
        remedy: What to do about it.
        aside: Where the object goes if it cannot be copied.
        markers: Locations and ETags of markers that go with it.
    """

    location: str
    etag: str
    bytes: int
    sha256: str
    problem: str = ""
    remedy: str = ""
    aside: str = ""
    markers: tuple[tuple[str, str], ...] = ()

    @property
    def error(self) -> AdxError:
        """The problem as an error."""
        return AdxError(self.problem, remedy=self.remedy, exit_code=ExitCode.DATA)


def write_origins(folder: Path, origins: Mapping[str, Origin]) -> None:
    """Keep the origins of an attempt's files, by their names, durably."""
    text = json.dumps({name: asdict(origin) for name, origin in origins.items()})
    write_file(folder / _ORIGINS, text.encode())


def origins_of(folder: Path) -> dict[str, Origin]:
    """The origins of an attempt's files; empty if they were dropped in a folder."""
    try:
        text = (folder / _ORIGINS).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    return {name: _origin(fields) for name, fields in json.loads(text).items()}


def _origin(fields: dict[str, Any]) -> Origin:
    markers = tuple((location, etag) for location, etag in fields.pop("markers"))
    return Origin(**fields, markers=markers)


def copied(queue: DropQueue) -> frozenset[tuple[str, str]]:
    """The objects, by location and ETag, whose files are in the landing area."""
    return frozenset(
        (origin.location, origin.etag)
        for folder in queue.processing.glob("[!.]*/")
        for origin in origins_of(folder).values()
    )


def with_origins(attempt: Attempt) -> Attempt:
    """An attempt that removes the object of each file that is finished."""
    origins = origins_of(attempt.folder)
    if not origins:
        return attempt
    from ingestion.sources.s3_objects import S3Objects  # noqa: PLC0415

    objects = S3Objects()

    def release(name: str) -> None:
        if name in origins:
            _remove_markers(objects, origins[name])
            failpoint("bucket.before_remove")
            objects.remove(origins[name].location, origins[name].etag)
            failpoint("bucket.after_remove")

    return replace(attempt, release=release)


def set_aside(origin: Origin) -> None:
    """Move an object that cannot be copied to the bucket's own error archive.

    Raises:
        AdxError: The service cannot be reached or refuses.
    """
    from ingestion.sources.s3_objects import GoneError, RemoteObject, S3Objects  # noqa: PLC0415

    objects = S3Objects()
    found = RemoteObject(origin.location, origin.etag, origin.bytes, datetime.now(UTC))
    with suppress(GoneError):  # a landing that died has moved it, or its sender took it back
        objects.move(found, origin.aside)
    _remove_markers(objects, origin)


def _remove_markers(objects: "S3Objects", origin: Origin) -> None:
    for location, etag in origin.markers:
        objects.remove(location, etag)
