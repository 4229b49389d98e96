"""What a journal asks of a file system; a test puts one in its place that crashes."""

import os
from pathlib import Path

from ingestion.failpoints import failpoint, write_all
from ingestion.lake.durable import sync_folder


class Disk:
    """Files that grow, on the file system of this machine."""

    def create(self, path: Path) -> int:
        """Create an empty file, durably, and open it; gives its handle."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        sync_folder(path.parent)
        failpoint("producer.after_create")
        return handle

    def open(self, path: Path) -> int:
        """Open a file to be appended to."""
        return os.open(path, os.O_RDWR)

    def write(self, handle: int, content: bytes, offset: int) -> None:
        """Write all of the content at a place; it is not durable yet."""
        place = offset

        def write(left: memoryview) -> int:
            nonlocal place
            written = os.pwrite(handle, left, place)
            place += written
            return written

        write_all("producer.write", content, write)

    def sync(self, handle: int) -> None:
        """Return when what was written is durable."""
        os.fdatasync(handle)

    def truncate(self, handle: int, size: int) -> None:
        """Cut a file."""
        failpoint("producer.before_cut")
        os.ftruncate(handle, size)

    def remove(self, path: Path) -> None:
        """Remove a file; it may come back after a crash."""
        failpoint("producer.before_remove")
        path.unlink()

    def close(self, handle: int) -> None:
        """Close a file."""
        os.close(handle)
