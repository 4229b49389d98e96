"""Opens the catalog; the first process creates it, under a lock."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table
from sqlalchemy import URL
from sqlalchemy.exc import DatabaseError as SqlDatabaseError

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.durable import make_folder
from ingestion.lake.pointers import is_behind, is_known
from ingestion.lake.problems import full_disk, storage_errors

CATALOG_FILE: Final = "catalog.db"
_LOCK_SECONDS: Final = 30


def open_catalog(folder: Path, *, recover: bool = False) -> SqlCatalog:
    """The catalog of the lake in a folder.

    `SqlCatalog` creates its tables when it finds none, and crashes when two processes do so at
    once; so this happens under a file lock, once.

    Args:
        folder: Folder of the lake.
        recover: Make a missing catalog although the lake holds commits.

    Raises:
        AdxError: The catalog is missing though the lake holds commits.
    """
    make_folder(folder)
    path = folder / CATALOG_FILE
    with setup_lock(folder):
        if not path.exists():
            if (folder / "pointers").exists() and not recover:
                raise lost_catalog(f"The lake in {folder} has lost its catalog {path.name}.")
            with closing(sqlite3.connect(path, timeout=_LOCK_SECONDS)) as connection:
                connection.execute("pragma journal_mode = wal")
        return _catalog(folder)


def lost_catalog(message: str) -> AdxError:
    """The error for a catalog that knows less than the lake holds."""
    return AdxError(
        message,
        remedy=(
            f"Move {CATALOG_FILE}* away and run `python -m ingestion.lake recover`: it rebuilds "
            "the catalog from the pointers that each commit left."
        ),
        exit_code=ExitCode.UNAVAILABLE,
    )


def find_table(catalog: SqlCatalog, lake: Path, identifier: tuple[str, str]) -> Table | None:
    """A table, or None where there has never been one.

    Raises:
        AdxError: The catalog has forgotten the table or its newest commits, as an emptied or
            restored catalog file does. Going on would load everything a second time.
    """
    name = ".".join(identifier)
    try:
        table = catalog.load_table(identifier)
    except NoSuchTableError:
        if not is_known(lake, identifier):
            return None
        raise lost_catalog(f"The catalog in {lake} has forgotten {name}.") from None
    # A commit may come in between, so look twice before crying wolf.
    if is_behind(lake, table) and is_behind(lake, catalog.load_table(identifier)):
        raise lost_catalog(f"The catalog in {lake} has forgotten the newest commits to {name}.")
    return table


def _catalog(folder: Path) -> SqlCatalog:
    url = URL.create(
        "sqlite", database=str(folder / CATALOG_FILE), query={"timeout": str(_LOCK_SECONDS)}
    )
    return SqlCatalog(
        "advertisex",
        **{
            "uri": url.render_as_string(hide_password=False),
            "warehouse": str(folder / "tables"),
            "py-io-impl": "ingestion.lake.fileio.DurableFileIO",
        },
    )


@contextmanager
def setup_lock(folder: Path) -> Iterator[None]:
    """Wait for and hold the lock under which the catalog and its tables are made.

    pyiceberg's "create if not exists" looks first and creates then: two processes that make one
    namespace at once crash (8 of them, every time).
    """
    with (folder / ".setup.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def lake_errors(folder: str | Path) -> Iterator[None]:
    """Translate errors of the file system and of the catalog database.

    Raises:
        AdxError: As `storage_errors`, and for a damaged or locked catalog.
    """
    try:
        with storage_errors(folder):
            yield
    except (SqlDatabaseError, sqlite3.DatabaseError) as error:
        raise _of_catalog(error, folder) from error


def _of_catalog(error: Exception, folder: str | Path) -> AdxError:
    reason = str(getattr(error, "orig", error))
    if "locked" in reason or "busy" in reason:
        return AdxError(
            f"The catalog in {folder} has been locked by another process for 30 seconds.",
            remedy="Wait for it to finish, then run it again.",
            exit_code=ExitCode.BUSY,
        )
    if "full" in reason:
        return full_disk(folder)
    if "unable to open" in reason or "readonly" in reason:
        return AdxError(
            f"The catalog in {folder} cannot be opened for writing: {reason}.",
            remedy="Give this user read and write access to that folder.",
            exit_code=ExitCode.UNAVAILABLE,
        )
    if any(word in reason for word in ("not a database", "malformed", "no such table")):
        return lost_catalog(f"The catalog in {folder} is damaged: {reason}.")
    return AdxError(
        f"The catalog in {folder} refused: {reason}.",
        remedy="Run it again; what was committed before is untouched.",
        exit_code=ExitCode.UNAVAILABLE,
    )
