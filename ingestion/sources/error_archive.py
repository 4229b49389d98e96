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
import shutil
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake.durable import sync_folder, write_pieces
from ingestion.landing import KeyStore
from ingestion.settings import Settings
from ingestion.sources.drop_queue import delivery_of

_PIECE_BYTES = 1024 * 1024
_SEALED = ".enc"
_REASON = ".reason.json"
_GONE = ".gone"


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
        step: What was being done: `copy`, `name`, `read` or `parse`; `delivery` if another file of
            the same delivery failed.
        message: What was wrong.
        remedy: What to do about it.
        retry: The command that puts it back into the drop folder.
        traceback: Where in the code it failed, without the texts of other errors: they may quote
            what the file holds.
        object: Where the file is, if it could not be copied out of its bucket.
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
    traceback: str = ""
    object: str = ""


@dataclass(frozen=True)
class Archived:
    """A file of the error archive.

    Attributes:
        place: `<attempt>/<name>`.
        reason: Why it is there.
    """

    place: str
    reason: Reason

    @property
    def attempt(self) -> str:
        """The attempt that it failed in."""
        return self.place.partition("/")[0]


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
        reason = self._reason(path.name, attempt, table=table, step=step, error=error)
        reason = replace(reason, sha256=sha256, bytes=path.stat().st_size)
        folder = self._folder / attempt
        folder.mkdir(parents=True, exist_ok=True)
        if sha256:
            self._seal(
                path, folder / f"{path.name}{_SEALED}", datetime.fromisoformat(reason.failed_at)
            )
        self._note(reason, attempt)
        if not sha256:  # behind its reason: without one nobody would find it
            path.rename(folder / path.name)
        return reason

    def put_object(
        self, name: str, attempt: str, *, table: str, size: int, location: str, error: AdxError
    ) -> Reason:
        """Archive an object that cannot be copied: it stays in its bucket, the reason is here."""
        reason = self._reason(name, attempt, table=table, step="copy", error=error)
        reason = replace(reason, bytes=size, object=location)
        (self._folder / attempt).mkdir(parents=True, exist_ok=True)
        self._note(reason, attempt)
        return reason

    def _reason(self, name: str, attempt: str, *, table: str, step: str, error: AdxError) -> Reason:
        # a delivery is landed all or none, so all of it is tried again
        place = attempt if delivery_of(attempt) else f"{attempt}/{name}"
        return Reason(
            source=self._source,
            table=table,
            name=name,
            sha256="",
            bytes=0,
            failed_at=datetime.now(UTC).isoformat(),
            step=step,
            message=error.message,
            remedy=error.remedy,
            retry=f"adx files retry {self._source}/{place}",
            traceback=_where(error),
        )

    def _note(self, reason: Reason, attempt: str) -> None:
        failpoint("drop.before_reason")
        text = json.dumps(asdict(reason), indent=2) + "\n"
        _write(self._folder / attempt / f"{reason.name}{_REASON}", [text])
        failpoint("drop.after_archive")

    def _seal(self, path: Path, target: Path, now: datetime) -> None:
        with path.open("rb") as file:
            pieces = iter(lambda: file.read(_PIECE_BYTES), b"")
            _write(target, (self._keys.encrypt(now.date(), piece) + "\n" for piece in pieces))

    def files(self) -> Iterator[Archived]:
        """What is in the archive, by attempt and name."""
        for note in sorted(self._folder.glob(f"[!.]*/[!.]*{_REASON}")):
            yield _archived(note)

    def find(self, place: str) -> list[Archived]:
        """One file by `<attempt>/<name>`, or all of an attempt by `<attempt>`.

        Raises:
            AdxError: There is no such file or attempt.
        """
        found = [file for file in self.files() if place in {file.place, file.attempt}]
        if not found:
            raise self._missing(place)
        return found

    def _missing(self, place: str) -> AdxError:
        return AdxError(
            f"The error archive of {self._source} has no file {place}.",
            remedy="`adx files list` shows what it has.",
            exit_code=ExitCode.USAGE,
        )

    def content(self, file: Archived, *, most: int | None = None) -> bytes:
        """What an archived file holds, decrypted in memory.

        Args:
            file: The file.
            most: How much of its beginning is enough; at least one piece is read.

        Raises:
            AdxError: Its key was dropped, or the archive was changed.
        """
        sealed = self._folder / f"{file.place}{_SEALED}"
        if not sealed.exists():
            return b""  # it could not be read, so it could not be encrypted either
        content = bytearray()
        with sealed.open(encoding="ascii") as tokens:
            for token in tokens:
                content += self._keys.decrypt(token.rstrip("\n"))
                if most is not None and len(content) >= most:
                    return bytes(content)
        if hashlib.sha256(content).hexdigest() != file.reason.sha256:
            raise _changed(sealed)
        return bytes(content)

    def restore(self, place: str, target: Path) -> list[Path]:
        """Put archived files back into the drop folder and take them out of the archive.

        An attempt that took a delivery comes back as that delivery. The archive forgets a file only
        when it is whole in the drop folder; what a restore that was killed has put there already is
        known by its content, so asking again ends it.

        Args:
            place: `<attempt>/<name>`, as its reason file says, or `<attempt>`.
            target: The drop folder.

        Returns:
            What is in the drop folder now: the files, or the delivery.

        Raises:
            AdxError: There is no such file, its key was dropped, another file of that name is
                waiting in the drop folder, or the archive was changed.
        """
        self._clear_forgotten()
        found = self.find(place)
        delivery = delivery_of(place) if place == found[0].attempt else ""
        if not delivery:
            missing = [file for file in found if not self._is_in(file, target)]
            for file in missing:
                _demand_free(target, file.reason.name)
            for file in found:
                _temporary(target / file.reason.name).unlink(missing_ok=True)  # of one that died
                if file in missing:
                    self._bring(file, target)
                failpoint("retry.after_bring")
                self._forget(file)
            return [target / file.reason.name for file in found]
        final = target / delivery
        if not all(self._is_in(file, final) for file in found):
            _demand_free(target, delivery)
            self._bring_all(found, final)
        failpoint("retry.before_marker")
        (target / f"{delivery}.done").write_text("")
        failpoint("retry.before_forget")
        folder = self._folder / found[0].attempt
        # at once: what is left of a delivery is none
        gone = folder.rename(folder.with_name(f".{folder.name}{_GONE}"))
        failpoint("retry.in_forget")
        self._clear_folder(gone)
        return [final]

    def _bring_all(self, found: Sequence[Archived], final: Path) -> None:
        """Make a delivery of archived files, which stay."""
        folder = final.with_name(f".{final.name}.part")
        self._drop_part(found, folder)
        folder.mkdir()
        try:
            for file in found:
                self._bring(file, folder)
        except (AdxError, OSError):
            self._drop_part(found, folder)
            raise
        sync_folder(folder)
        try:
            folder.rename(final)
        except OSError as error:
            if not final.exists():
                raise
            raise _waiting(final) from error

    def _drop_part(self, found: Sequence[Archived], folder: Path) -> None:
        """Remove a part of a delivery, which is in clear; what was not sealed goes back."""
        for file in found:
            if self._is_moved(file) and (folder / file.reason.name).exists():
                (folder / file.reason.name).rename(self._folder / file.place)
        shutil.rmtree(folder, ignore_errors=True)

    def _is_moved(self, file: Archived) -> bool:
        """Whether the archive had the file itself, and has it no more."""
        is_own = not file.reason.object and not file.reason.sha256
        return is_own and not (self._folder / file.place).exists()

    def _is_in(self, file: Archived, folder: Path) -> bool:
        """Whether a folder has the file, as far as anybody can know."""
        path = folder / file.reason.name
        if not path.is_file():
            return False
        if not file.reason.sha256:
            return self._is_moved(file)
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == file.reason.sha256

    def _bring(self, file: Archived, target: Path) -> None:
        """Make a file of an archived one, which stays."""
        archived = self._folder / file.place
        final = target / file.reason.name
        if file.reason.object:
            _fetch(file.reason.object, final)
        elif file.reason.sha256:
            self._unseal(archived.with_name(archived.name + _SEALED), final, file.reason)
        elif archived.exists():
            _demand_free(target, final.name)
            archived.rename(final)

    def _forget(self, file: Archived) -> None:
        note = self._folder / f"{file.place}{_REASON}"
        gone = note.rename(note.with_name(f".{note.name}{_GONE}"))
        failpoint("retry.in_forget")
        self._clear_note(gone)

    def _clear_forgotten(self) -> None:
        """Remove what is left of files that were forgotten when a process was killed."""
        for folder in self._folder.glob(f".*{_GONE}"):
            self._clear_folder(folder)
        for note in self._folder.glob(f"[!.]*/.*{_GONE}"):
            self._clear_note(note)

    def _clear_note(self, gone: Path) -> None:
        _remove_object_of(gone)
        name = gone.name.removeprefix(".").removesuffix(f"{_REASON}{_GONE}")
        gone.with_name(f"{name}{_SEALED}").unlink(missing_ok=True)
        gone.unlink()
        if not any(gone.parent.iterdir()):
            gone.parent.rmdir()

    def _clear_folder(self, gone: Path) -> None:
        for note in gone.glob(f"[!.]*{_REASON}"):
            _remove_object_of(note)
        shutil.rmtree(gone)

    def _unseal(self, sealed: Path, final: Path, reason: Reason) -> None:
        digest = hashlib.sha256()
        temporary = _temporary(final)
        try:
            with sealed.open(encoding="ascii") as tokens:
                write_pieces(temporary, _opened(self._keys, tokens, digest.update))
            if digest.hexdigest() != reason.sha256:
                raise _changed(sealed)
            _give_name(temporary, final)
        except FileNotFoundError as error:
            raise _changed(sealed) from error
        except (AdxError, OSError):
            temporary.unlink(missing_ok=True)  # it is in clear
            raise


def _opened(
    keys: KeyStore, tokens: Iterable[str], told: Callable[[bytes], object]
) -> Iterator[bytes]:
    for token in tokens:
        piece = keys.decrypt(token.rstrip("\n"))
        told(piece)
        yield piece


def _temporary(final: Path) -> Path:
    """Where a file comes back to; a name that no landing looks at and no source gives."""
    return final.with_name(f".{final.name}.retry")


def _give_name(temporary: Path, final: Path) -> None:
    """Let a file that came back have its name, unless the source has dropped another meanwhile.

    By a link, because a rename would replace that one.
    """
    failpoint("disk.rename")
    try:
        os.link(temporary, final)
    except FileExistsError:
        raise _waiting(final) from None
    temporary.unlink()
    sync_folder(final.parent)


def _demand_free(target: Path, name: str) -> None:
    if (target / name).exists():
        raise _waiting(target / name)


def _waiting(path: Path) -> AdxError:
    return AdxError(
        f"A file {path.name} is waiting in {path.parent} already.",
        remedy="Land or move that one first.",
        exit_code=ExitCode.BUSY,
    )


def _fetch(location: str, final: Path) -> None:
    # boto3 takes 0.3 s to import, which a drop folder alone need not pay
    from ingestion.sources.s3_objects import S3Objects  # noqa: PLC0415

    objects = S3Objects()
    found = objects.at(location)
    if found is None:
        raise AdxError(
            f"There is no object {location} any more.",
            remedy="Ask the source to send it again, and delete its reason file.",
            exit_code=ExitCode.DATA,
        )
    temporary = _temporary(final)
    try:
        objects.copy(found, temporary)
        _give_name(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)  # also one that is not what its sender meant


def _remove_object_of(note: Path) -> None:
    """Remove the object that a reason tells of, if it tells of one."""
    location = json.loads(note.read_text(encoding="utf-8")).get("object")
    if not location:
        return
    from ingestion.sources.s3_objects import S3Objects  # noqa: PLC0415

    objects = S3Objects()
    found = objects.at(location)
    if found is not None:
        objects.remove(location, found.etag)


def _changed(sealed: Path) -> AdxError:
    return AdxError(
        f"{sealed} is not what was archived: its hash differs.",
        remedy="Ask the source to send the file again.",
        exit_code=ExitCode.DATA,
    )


def _archived(note: Path) -> Archived:
    reason = Reason(**json.loads(note.read_text(encoding="utf-8")))
    return Archived(f"{note.parent.name}/{note.name.removesuffix(_REASON)}", reason)


def _where(error: BaseException) -> str:
    """The stack of an error and of its causes, innermost call last."""
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        frames = traceback.extract_tb(cause.__traceback__)
        lines = [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        parts[:0] = [type(cause).__name__, *lines]
        cause = cause.__cause__ or cause.__context__
    return "\n".join(parts)


def error_archive(settings: Settings, source: str) -> ErrorArchive:
    """The error archive of a source, where the settings have it."""
    return ErrorArchive(settings.drop / "error" / source, source, KeyStore(settings.keys))


def _write(path: Path, lines: Iterable[str]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        write_pieces(temporary, (line.encode() for line in lines))
        failpoint("disk.rename")
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    failpoint("disk.folder")
    sync_folder(path.parent)
