"""A file that a landing has taken: where it is, what it holds."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ingestion.sources.drop_queue import Attempt, Look


@dataclass(frozen=True)
class TakenFile:
    """A file that this landing has taken.

    Attributes:
        attempt: The folder it lies in.
        path: Where it is.
        sha256: Hash of its content; empty if it cannot be read.
        look: How it looked before it was read.
    """

    attempt: Attempt
    path: Path
    sha256: str
    look: Look | None

    @classmethod
    def take(cls, attempt: Attempt, path: Path) -> "TakenFile":
        """Look at a file and hash it."""
        look = Look.at(path)
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            digest = ""
        return cls(attempt, path, digest, look)

    @property
    def name(self) -> str:
        """The name it was dropped under."""
        return self.path.name

    @property
    def bytes(self) -> int:
        """Its size."""
        return 0 if self.look is None else self.look.size
