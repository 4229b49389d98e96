"""Where the lake's files are: a local folder, or a bucket that speaks S3.

Both keep one promise: a file is seen whole or not at all, and what was written stays written. A
folder needs fsync and rename for it; an object store gives it with every PUT, and knows no rename.
A location says by itself which of the two it is: a plain path, or `s3://<bucket>/<key>`.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import Final, Protocol, TypeVar

import pyarrow as pa

from ingestion.lake.durable import local_path, make_folder, write_file, write_new_file
from ingestion.settings import Settings

S3_SCHEME: Final = "s3://"

Item = TypeVar("Item")
Found = TypeVar("Found")


@dataclass(frozen=True)
class StoredFile:
    """A file that is there.

    Attributes:
        location: Its full location.
        bytes: Its size.
        modified_at: When it was written, UTC, by the clock of the storage.
    """

    location: str
    bytes: int
    modified_at: datetime


class Storage(Protocol):
    """Files by their full location."""

    def read(self, location: str) -> bytes:
        """The content of a file.

        Raises:
            FileNotFoundError: There is none.
        """

    def open(self, location: str) -> pa.NativeFile:
        """A file for reading parts of it, such as the footer of a Parquet file."""

    def write(
        self,
        location: str,
        content: bytes | memoryview,
        *,
        before_visible: Callable[[], None] | None = None,
    ) -> None:
        """Write a file; one of that name is replaced.

        Args:
            location: Its name.
            content: What it shall hold.
            before_visible: Called at the last moment at which nobody sees the file.
        """

    def write_if_absent(self, location: str, content: bytes) -> bool:
        """Write a file unless there is one of that name; whether it was written."""

    def exists(self, location: str) -> bool:
        """Whether there is a file of that name."""

    def names(self, folder: str) -> list[str]:
        """Names of the files and folders right below a folder, ascending; none if it is missing."""

    def files(self, folder: str) -> Iterator[StoredFile]:
        """Every file below a folder, however deep, in no order; none if it is missing."""

    def delete(self, location: str) -> None:
        """Remove a file, if it is there."""

    def each(self, work: Callable[[Item], Found], items: Iterable[Item]) -> Iterator[Found]:
        """Do some reading for each item, in order, side by side where waiting is most of it."""


class LocalFolder:
    """Files on a local disk."""

    def read(self, location: str) -> bytes:
        """See `Storage.read`."""
        return local_path(location).read_bytes()

    def open(self, location: str) -> pa.NativeFile:
        """See `Storage.open`."""
        return pa.memory_map(str(local_path(location)))

    def write(
        self,
        location: str,
        content: bytes | memoryview,
        *,
        before_visible: Callable[[], None] | None = None,
    ) -> None:
        """See `Storage.write`."""
        path = local_path(location)
        make_folder(path.parent)
        write_file(path, content, before_rename=before_visible)

    def write_if_absent(self, location: str, content: bytes) -> bool:
        """See `Storage.write_if_absent`."""
        path = local_path(location)
        make_folder(path.parent)
        return write_new_file(path, content)

    def exists(self, location: str) -> bool:
        """See `Storage.exists`."""
        return local_path(location).exists()

    def names(self, folder: str) -> list[str]:
        """See `Storage.names`."""
        with suppress(FileNotFoundError):
            return sorted(path.name for path in local_path(folder).iterdir())
        return []

    def files(self, folder: str) -> Iterator[StoredFile]:
        """See `Storage.files`."""
        for path in local_path(folder).rglob("*"):
            # a file under its temporary name may be gone by now
            with suppress(FileNotFoundError):
                found = path.stat()
                if S_ISREG(found.st_mode):
                    modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
                    yield StoredFile(str(path), found.st_size, modified_at)

    def delete(self, location: str) -> None:
        """See `Storage.delete`."""
        local_path(location).unlink(missing_ok=True)

    def each(self, work: Callable[[Item], Found], items: Iterable[Item]) -> Iterator[Found]:
        """See `Storage.each`; a disk gains nothing from threads."""
        return map(work, items)


_LOCAL: Final = LocalFolder()


def storage_of(location: str | Path) -> Storage:
    """The storage that a location lies in.

    Raises:
        AdxError: It is a bucket, and the environment has no credentials for it.
    """
    if not is_remote(location):
        return _LOCAL
    # boto3 takes 0.3 s to import, which a lake in a local folder need not pay
    from ingestion.lake.s3 import s3_storage  # noqa: PLC0415

    return s3_storage()


def is_remote(location: str | Path) -> bool:
    """Whether a location lies in a bucket."""
    return str(location).startswith(S3_SCHEME)


def uses_s3(settings: Settings) -> bool:
    """Whether files of the lake lie in a bucket."""
    return is_remote(settings.lake_root) or is_remote(settings.catalog_warehouse or "")


def join(root: str, *parts: str) -> str:
    """A location below another one."""
    return "/".join([root.rstrip("/"), *parts])


def side_by_side(
    work: Callable[[Item], Found], items: Iterable[Item], *, most: int
) -> Iterator[Found]:
    """Do the same work for each item in threads; results in order."""
    with ThreadPoolExecutor(most) as pool:
        yield from pool.map(work, items)
