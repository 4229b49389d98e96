"""Files that are either whole and on disk, or not there."""

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from ingestion.failpoints import failpoint, write_all


def local_path(location: str) -> Path:
    """The path of a location; the lake writes plain paths, which need no escaping."""
    return Path(location.removeprefix("file://"))


def sync_folder(folder: Path) -> None:
    """Make the names inside a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents durably; another process may do the same."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def write_file(
    path: Path, content: bytes | memoryview, *, before_rename: Callable[[], None] | None = None
) -> None:
    """Write a file so that it is seen whole or not at all, and survives a power cut.

    Args:
        path: Final name; an existing file of that name is replaced.
        content: What it shall hold.
        before_rename: Called when the content is on disk under its temporary name.
    """
    temporary = _temporary(path)
    try:
        write_pieces(temporary, [content])
        if before_rename is not None:
            before_rename()
        failpoint("disk.rename")
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    failpoint("disk.folder")
    sync_folder(path.parent)


def write_new_file(path: Path, content: bytes | memoryview) -> bool:
    """Write a file as `write_file` does, unless there is one of that name; whether it was written.

    By a link, because a rename would replace what another process wrote in between.
    """
    if path.exists():
        return False
    temporary = _temporary(path)
    try:
        write_pieces(temporary, [content])
        failpoint("disk.rename")
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    failpoint("disk.folder")
    sync_folder(path.parent)
    return True


def _temporary(path: Path) -> Path:
    """A name of this thread's own: threads of one process may write the same file."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")


def write_pieces(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write the content of a file piece by piece; durable, but not atomic: nobody may look yet."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        for piece in pieces:
            write_all("disk.write", piece, lambda left: os.write(handle, left))
        failpoint("disk.sync")
        os.fsync(handle)
    finally:
        os.close(handle)
