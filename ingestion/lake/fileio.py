"""pyiceberg's file access, with the lake's promise: whole and lasting, or not there."""

from io import BytesIO
from typing import Any

from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from ingestion.failpoints import failpoint
from ingestion.lake.s3_environment import s3_endpoint, s3_region
from ingestion.lake.storage import storage_of


def io_properties() -> dict[str, str]:
    """What pyiceberg needs to read files of a bucket; unused where the lake is a folder."""
    endpoint = s3_endpoint()
    place = {"s3.endpoint": endpoint} if endpoint is not None else {}
    # with a region it does not ask Amazon for the bucket's
    return {"s3.region": s3_region(), "s3.connect-timeout": "5", **place}


class _WholeStream(BytesIO):
    """Collects a metadata file and writes it at once when it is closed."""

    def __init__(self, location: str, *, overwrite: bool) -> None:
        super().__init__()
        self._location = location
        self._overwrite = overwrite

    def close(self) -> None:
        if not self.closed:
            content = self.getvalue()
            super().close()
            storage = storage_of(self._location)
            if self._overwrite:
                storage.write(self._location, content)
            elif not storage.write_if_absent(self._location, content):
                raise FileExistsError(f"Cannot create file, already exists: {self._location}")
            if self._location.endswith(".metadata.json"):
                failpoint("lake.before_swap")

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.close()
        else:
            super().close()


class _WholeFile(PyArrowFile):
    def create(self, overwrite: bool = False) -> _WholeStream:
        return _WholeStream(self.location, overwrite=overwrite)


class LakeFileIO(PyArrowFileIO):
    """pyiceberg's file system, writing through the lake's storage.

    Without the fsync of a local folder a power cut could leave a catalog row that names a metadata
    file whose bytes never reached the disk.
    """

    def new_output(self, location: str) -> _WholeFile:
        """A file that appears when it is whole and lasting."""
        plain = super().new_output(location)
        return _WholeFile(plain.location, plain._path, plain._filesystem)
