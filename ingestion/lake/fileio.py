"""pyiceberg's file access, made durable."""

from io import BytesIO
from pathlib import Path
from typing import Any

from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from ingestion.failpoints import failpoint
from ingestion.lake.durable import local_path, make_folder, write_file


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
