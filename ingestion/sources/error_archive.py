"""Where files go that could not be finished: whole, encrypted, beside the reason.

    <drop>/error/<source>/<attempt>/<name>.enc           the file
    <drop>/error/<source>/<attempt>/<name>.reason.json   what, when, which step, how to retry

A dropped file holds identifiers and addresses in clear text, so it is encrypted with the key of
its day, as failed rows are: dropping that key erases it. It is encrypted in pieces, one token a
line, and the reason file carries the hash of the whole.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingestion.errors import AdxError, ExitCode
from ingestion.landing import KeyStore

_PIECE_BYTES = 1024 * 1024
_SEALED = ".enc"
_REASON = ".reason.json"


@dataclass(frozen=True)
class Reason:
    """Why a file lies in the error archive.

    Attributes:
        source: Source it was dropped for.
        table: Raw table it was meant for; empty if its name says nothing.
        name: Name it was dropped under.
        sha256: Hash of its content; empty if it could not be read.
        bytes: Its size.
        failed_at: When it failed.
        step: What was being done: `name`, `read` or `parse`.
        message: What was wrong.
        remedy: What to do about it.
        retry: The command that puts it back into the drop folder.
    """

    source: str
    table: str
    name: str
    sha256: str
    bytes: int
    failed_at: str
    step: str
    message: str
    remedy: str
    retry: str


class ErrorArchive:
    """The error archive of one source.

    Args:
        folder: `<drop>/error/<source>`.
        source: The source.
        keys: Keys to encrypt with.
    """

    def __init__(self, folder: Path, source: str, keys: KeyStore) -> None:
        self._folder = folder
        self._source = source
        self._keys = keys

    def put(
        self, path: Path, attempt: str, *, table: str, sha256: str, step: str, error: AdxError
    ) -> Reason:
        """Archive a file; the original is left for the caller to remove.

        May be repeated after a crash: the same names are written again. A file that cannot be
        read cannot be encrypted either; it is moved as it is.
        """
        folder = self._folder / attempt
        folder.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC)
        reason = Reason(
            source=self._source,
            table=table,
            name=path.name,
            sha256=sha256,
            bytes=path.stat().st_size,
            failed_at=now.isoformat(),
            step=step,
            message=error.message,
            remedy=error.remedy,
            retry=f"python -m ingestion.sources.{self._source} --retry {attempt}/{path.name}",
        )
        if sha256:
            self._seal(path, folder / f"{path.name}{_SEALED}", now)
        else:
            path.rename(folder / path.name)
        text = json.dumps(asdict(reason), indent=2) + "\n"
        _write(folder / f"{path.name}{_REASON}", [text])
        return reason

    def _seal(self, path: Path, target: Path, now: datetime) -> None:
        with path.open("rb") as file:
            pieces = iter(lambda: file.read(_PIECE_BYTES), b"")
            _write(target, (self._keys.encrypt(now.date(), piece) + "\n" for piece in pieces))

    def restore(self, place: str, target: Path) -> Path:
        """Put an archived file back into the drop folder and take it out of the archive.

        Args:
            place: `<attempt>/<name>`, as its reason file says.
            target: The drop folder.

        Raises:
            AdxError: There is no such file, its key was dropped, a file of that name is waiting
                in the drop folder, or the archive was changed.
        """
        archived = self._folder / place
        sealed = archived.with_name(archived.name + _SEALED)
        note = archived.with_name(archived.name + _REASON)
        if not note.is_file() or not note.resolve().is_relative_to(self._folder.resolve()):
            raise AdxError(
                f"The error archive has no file {place}.",
                remedy=f"Look for it below {self._folder}.",
                exit_code=ExitCode.USAGE,
            )
        reason = Reason(**json.loads(note.read_text(encoding="utf-8")))
        final = target / reason.name
        if final.exists():
            raise AdxError(
                f"A file {reason.name} is waiting in {target} already.",
                remedy="Land or move that one first.",
                exit_code=ExitCode.BUSY,
            )
        if not sealed.exists():
            archived.rename(final)
        else:
            self._unseal(sealed, final, reason)
            sealed.unlink()
        note.unlink()
        if not any(note.parent.iterdir()):
            note.parent.rmdir()
        return final

    def _unseal(self, sealed: Path, final: Path, reason: Reason) -> None:
        digest = hashlib.sha256()
        temporary = final.with_name(f"{final.name}.part")
        with sealed.open(encoding="ascii") as tokens, temporary.open("wb") as file:
            for token in tokens:
                piece = self._keys.decrypt(token.rstrip("\n"))
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != reason.sha256:
            temporary.unlink()
            raise AdxError(
                f"{sealed} is not what was archived: its hash differs.",
                remedy="Ask the source to send the file again.",
                exit_code=ExitCode.DATA,
            )
        temporary.rename(final)


def _write(path: Path, lines: Iterable[str]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
