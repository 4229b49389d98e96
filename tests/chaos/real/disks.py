"""A disk that can be full."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class NoSmallDiskError(Exception):
    """This user may mount none."""


class SmallDisk:
    """A memory disk of some megabytes; mounting one needs the rights of root.

    Attributes:
        kind: What it is, for the report.
    """

    kind = "memory disk"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / ".filler"

    def fill(self) -> None:
        """Leave no byte."""
        with self._filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        with self._filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"\0")

    def free(self) -> None:
        """Give the space back."""
        self._filler.unlink(missing_ok=True)


def can_mount() -> bool:
    """Whether this user may mount a memory disk."""
    return os.geteuid() == 0 and shutil.which("mount") is not None


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a small disk on a folder while a block runs.

    Raises:
        NoSmallDiskError: This user may not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "chaos", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        raise NoSmallDiskError(mounted.stderr.decode())
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)
