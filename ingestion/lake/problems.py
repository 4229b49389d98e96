"""Turns what the disk and the catalog can do wrong into one sentence with a remedy."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import DatabaseError

from sqlalchemy.exc import DatabaseError as SqlDatabaseError
from sqlalchemy.exc import OperationalError

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.catalog import lost_catalog

_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NO_FOLDER = {errno.ENOTDIR, errno.ENOENT, errno.ELOOP}


@contextmanager
def storage_errors(folder: str | Path) -> Iterator[None]:
    """Translate errors of the file system and of the catalog database.

    Args:
        folder: Where the work happens; named when the error itself names no file.

    Raises:
        AdxError: For a full disk, missing rights, a missing folder, a corrupt or locked catalog.
            What was committed before is untouched: a commit is one row of the catalog, written
            after all its files.
    """
    try:
        yield
    except OSError as error:
        raise _of_os(error, folder) from error
    except (SqlDatabaseError, DatabaseError) as error:
        raise _of_catalog(error, folder) from error


def _of_os(error: OSError, folder: str | Path) -> AdxError:
    # pyiceberg and pyarrow raise some of these with a text in place of number and file name.
    place = error.filename or (folder if error.errno else f"{folder} ({error})")
    if error.errno in _NO_SPACE:
        return AdxError(
            f"The disk of {folder} is full; nothing was committed and nothing is lost.",
            remedy="Free some space or set ADX_HOME to a larger disk, then run it again.",
            exit_code=ExitCode.UNAVAILABLE,
        )
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


def _of_catalog(error: Exception, folder: str | Path) -> AdxError:
    reason = str(getattr(error, "orig", error))
    if "locked" in reason or "busy" in reason:
        return AdxError(
            f"The catalog in {folder} has been locked by another process for 30 seconds.",
            remedy="Wait for it to finish, then run it again.",
            exit_code=ExitCode.BUSY,
        )
    if "full" in reason:
        return AdxError(
            f"The disk of {folder} is full; nothing was committed and nothing is lost.",
            remedy="Free some space or set ADX_HOME to a larger disk, then run it again.",
            exit_code=ExitCode.UNAVAILABLE,
        )
    if isinstance(error, OperationalError) and ("open" in reason or "readonly" in reason):
        return AdxError(
            f"The catalog in {folder} cannot be opened for writing: {reason}.",
            remedy="Give this user read and write access to that folder.",
            exit_code=ExitCode.UNAVAILABLE,
        )
    return lost_catalog(f"The catalog in {folder} is damaged: {reason}.")
