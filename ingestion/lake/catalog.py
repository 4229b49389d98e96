"""Opens the catalog; the first process creates it, under a lock."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from pyiceberg.catalog.sql import SqlCatalog
from sqlalchemy import URL

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.durable import make_folder

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
    with _exclusive(folder / ".catalog.lock"):
        if not path.exists():
            if (folder / "pointers").exists() and not recover:
                raise AdxError(
                    f"The lake in {folder} has lost its catalog {path.name}.",
                    remedy=(
                        "Restore that file, or run `python -m ingestion.lake recover`: it "
                        "rebuilds the catalog from the pointers that each commit left."
                    ),
                    exit_code=ExitCode.UNAVAILABLE,
                )
            with closing(sqlite3.connect(path, timeout=_LOCK_SECONDS)) as connection:
                connection.execute("pragma journal_mode = wal")
        return _catalog(folder)


def _catalog(folder: Path) -> SqlCatalog:
    url = URL.create(
        "sqlite", database=str(folder / CATALOG_FILE), query={"timeout": str(_LOCK_SECONDS)}
    )
    return SqlCatalog(
        "advertisex",
        **{
            "uri": url.render_as_string(hide_password=False),
            "warehouse": str(folder / "tables"),
            "py-io-impl": "ingestion.lake.durable.DurableFileIO",
        },
    )


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
