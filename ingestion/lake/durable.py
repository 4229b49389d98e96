"""Files that are either whole and on disk, or not there."""

import os
from io import BytesIO
from pathlib import Path
from typing import Any

from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from ingestion.failpoints import failpoint


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


def write_file(path: Path, content: bytes | memoryview, *, before_rename: Any = None) -> None:
    """Write a file so that it is seen whole or not at all, and survives a power cut.

    Args:
        path: Final name; an existing file of that name is replaced.
        content: What it shall hold.
        before_rename: Called when the content is on disk under its temporary name.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        if before_rename is not None:
            before_rename()
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


class _DurableStream(BytesIO):
    """Collects a metadata file and writes it durably when it is closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def close(self) -> None:
        if not self.closed:
            content = self.getvalue()
            super().close()
            write_file(self._path, content)
            if self._path.name.endswith(".metadata.json"):
                failpoint("lake.before_swap")

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.close()
        else:
            super().close()


class _DurableFile(PyArrowFile):
    def create(self, overwrite: bool = False) -> _DurableStream:
        path = local_path(self.location)
        if not overwrite and path.exists():
            raise FileExistsError(f"Cannot create file, already exists: {self.location}")
        make_folder(path.parent)
        return _DurableStream(path)


class DurableFileIO(PyArrowFileIO):
    """pyiceberg's file system with fsync.

    Without it a power cut could leave a catalog row that names a metadata file whose bytes never
    reached the disk.
    """

    def new_output(self, location: str) -> _DurableFile:
        """A file that appears when it is whole and on disk."""
        plain = super().new_output(location)
        return _DurableFile(plain.location, plain._path, plain._filesystem)
