"""Turns what a disk or an object store can do wrong into one sentence with a remedy."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.s3_environment import missing_bucket, refused, unreachable

_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NO_FOLDER = {errno.ENOTDIR, errno.ENOENT, errno.ELOOP}


@contextmanager
def storage_errors(folder: str | Path) -> Iterator[None]:
    """Translate errors of the file system.

    Args:
        folder: Where the work happens; named when the error itself names no file.

    Raises:
        AdxError: For a full disk, missing rights, a missing folder. What was committed before is
            untouched: a commit is one row of the catalog, written after all its files.
    """
    try:
        yield
    except OSError as error:
        raise _of_os(error, folder) from error


def full_disk(folder: str | Path) -> AdxError:
    """The error for a disk without space."""
    return AdxError(
        f"The disk of {folder} is full; nothing was committed and nothing is lost.",
        remedy="Free some space or set ADX_HOME to a larger disk, then run it again.",
        exit_code=ExitCode.UNAVAILABLE,
    )


def _of_os(error: OSError, folder: str | Path) -> AdxError:
    of_s3 = _of_s3(str(error), str(folder))
    if of_s3 is not None:
        return of_s3
    # pyiceberg and pyarrow raise some of these with a text in place of number and file name.
    place = error.filename or f"{folder} ({error})"
    if error.errno in _NO_SPACE:
        return full_disk(folder)
    if isinstance(error, PermissionError) or error.errno in _DENIED:
        return AdxError(
            f"No right to use {place}.",
            remedy="Give this user read and write access to it, or set ADX_HOME to another folder.",
            exit_code=ExitCode.UNAVAILABLE,
        )
    if isinstance(error, FileNotFoundError) or error.errno in _NO_FOLDER:
        return AdxError(
            f"{place} is missing or is not a folder.",
            remedy="Restore it (`adx reconcile` lists what is missing), or correct ADX_HOME.",
            exit_code=ExitCode.UNAVAILABLE,
        )
    return AdxError(
        f"Reading or writing {place} failed: {error.strerror or error}.",
        remedy="Check that disk, then run it again; nothing that was committed is lost.",
        exit_code=ExitCode.UNAVAILABLE,
    )


def _of_s3(text: str, place: str) -> AdxError | None:
    """What pyarrow says of S3; it has no kinds of errors, only texts."""
    _, found, reason = text.partition("AWS Error ")
    if not found:
        return None
    if reason.startswith("ACCESS_DENIED"):
        return refused(place, "access denied")
    if reason.startswith("NO_SUCH_BUCKET"):
        return missing_bucket(place)
    if reason.startswith(("NETWORK_CONNECTION", "REQUEST_TIMEOUT")):
        return unreachable()
    return None
