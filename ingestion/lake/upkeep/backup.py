"""Backup: what the catalog knows, in one file outside the lake, and the way back.

The pointers beside the lake do the same after each commit. A backup is for the day on which they
are gone as well, or on which the lake's files come back from a copy and the catalog does not.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pyiceberg.catalog import Catalog

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.catalog import open_catalog
from ingestion.lake.catalog_problems import lake_errors
from ingestion.lake.pins import OPS
from ingestion.lake.pointers import Pointer, newest_pointers, pointer_of, write_pointer
from ingestion.lake.recovery import register_tables
from ingestion.lake.storage import join, storage_of
from ingestion.lake.upkeep.tables import LakeTable
from ingestion.settings import Settings

_KEPT: Final = 14
"""Backups that stay in the folder, the newest ones."""


@dataclass(frozen=True)
class Backup:
    """A backup of the catalog.

    Attributes:
        location: The file.
        taken_at: When.
        tables: Where each table stood.
        is_new: Whether it was written now; nothing is written while the newest says the same.
    """

    location: str
    taken_at: datetime
    tables: tuple[Pointer, ...]
    is_new: bool


def backup_folder(settings: Settings) -> str:
    """Where backups go unless another place is named."""
    return str(settings.home / "backups" / "lake")


def back_up(
    tables: Iterable[LakeTable], catalog: Catalog, folder: str, taken_at: datetime
) -> Backup:
    """Write what the catalog knows to a file of its own.

    Args:
        tables: The tables of the lake.
        catalog: Their catalog.
        folder: Where to; a folder or `s3://<bucket>/<prefix>`.
        taken_at: The time that the file is named by.
    """
    # A pin, or a note about rows, must not be in it without the rows: the raw tables come last.
    listed = list(tables)
    first = sorted(listed, key=lambda table: not table.full_name.startswith(f"{OPS}."))
    loaded = {table.full_name: pointer_of(table.load(catalog)) for table in first}
    found = tuple(loaded[table.full_name] for table in listed)
    newest = newest_backup(folder)
    if newest is not None and newest.tables == found:
        return newest
    location = join(folder, f"catalog-{taken_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}.json")
    content = {
        "taken_at": taken_at.isoformat(),
        "tables": [asdict(pointer) for pointer in found],
    }
    storage_of(location).write(location, json.dumps(content, indent=1).encode())
    for name in _names(folder)[:-_KEPT]:
        storage_of(folder).delete(join(folder, name))
    return Backup(location, taken_at, found, is_new=True)


def newest_backup(folder: str) -> Backup | None:
    """The newest backup of a folder; None if there is none."""
    names = _names(folder)
    return read_backup(join(folder, names[-1])) if names else None


def _names(folder: str) -> list[str]:
    names = storage_of(folder).names(folder)
    return [name for name in names if name.startswith("catalog-") and name.endswith(".json")]


def read_backup(location: str) -> Backup:
    """Read a backup.

    Raises:
        AdxError: There is none of that name, or it is damaged.
    """
    try:
        values: dict[str, Any] = json.loads(storage_of(location).read(location))
        backup = Backup(
            location,
            datetime.fromisoformat(values["taken_at"]),
            tuple(Pointer(**pointer) for pointer in values["tables"]),
            is_new=False,
        )
    except (FileNotFoundError, IsADirectoryError) as error:
        raise AdxError(
            f"There is no backup {location}.",
            remedy="Name one that `adx lake backup` has written.",
            exit_code=ExitCode.USAGE,
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise AdxError(
            f"{location} is no backup of a catalog, or is damaged: {error}.",
            remedy="Name another one; or `adx lake rebuild`, which needs none.",
            exit_code=ExitCode.USAGE,
        ) from error
    return backup


def restore_catalog(settings: Settings, location: str | None = None) -> list[Pointer]:
    """Make every table stand where a backup says; where its newest pointer knows more, there.

    Args:
        settings: The environment.
        location: The backup; by default the newest in the folder of backups.

    Returns:
        What was taken, and the pointers are there again.

    Raises:
        AdxError: There is no such backup, the catalog is whole, or a metadata file is missing or
            damaged.
    """
    with lake_errors(settings):
        if location is None:
            newest = newest_backup(backup_folder(settings))
            if newest is None:
                raise AdxError(
                    f"There is no backup in {backup_folder(settings)}.",
                    remedy="Name one with --from; or `adx lake rebuild`, which needs none.",
                    exit_code=ExitCode.USAGE,
                )
        else:
            newest = read_backup(location)
        latest = {pointer.table: pointer for pointer in newest.tables}
        for pointer in newest_pointers(settings.lake_root):
            known = latest.get(pointer.table)
            if known is None or known.sequence_number < pointer.sequence_number:
                latest[pointer.table] = pointer
        taken = register_tables(settings, list(latest.values()))
        catalog = open_catalog(settings)
        for pointer in latest.values():
            namespace, _, name = pointer.table.partition(".")
            write_pointer(settings.lake_root, catalog.load_table((namespace, name)))
        return taken
