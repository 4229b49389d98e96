"""Upkeep of the lake, with what only the warehouse knows: who reads which state of it.

Readers hold exact metadata files: views of the builds that are kept (DuckDB), external tables
(BigQuery). Their pins, and every file that a view names, stay.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from ingestion.contracts import all_contracts
from ingestion.lake import Lake
from ingestion.lake.ops import OPS_TABLES
from ingestion.lake.pointers import Pointer
from ingestion.lake.recovery import recover_catalog
from ingestion.lake.upkeep.backup import Backup, restore_catalog
from ingestion.lake.upkeep.compaction import MIN_FILES, TARGET_BYTES, Compaction
from ingestion.lake.upkeep.expiry import KEPT_HOURS, KEPT_SNAPSHOTS, Expiry
from ingestion.lake.upkeep.lake_upkeep import Progress, Status, silent
from ingestion.lake.upkeep.orphans import Orphans
from ingestion.lake.upkeep.reachable import Kept
from ingestion.settings import Settings
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.publish import published_manifest
from orchestration.warehouse.store import FILE_NAME, Store

_SCANNED: Final = re.compile(r"iceberg_scan\('((?:[^']|'')+)'")
_PIN: Final = re.compile(r"-pin(\d+)$")


@dataclass(frozen=True)
class Readers:
    """Who reads the lake.

    Attributes:
        pins: Pins of the builds that are kept.
        metadata_files: Exact metadata files that views or external tables name.
    """

    pins: frozenset[int]
    metadata_files: frozenset[str]


def readers(settings: Settings) -> Readers:
    """Everybody who reads an exact state of the lake.

    Raises:
        AdxError: A build is open for writing, or BigQuery cannot be used.
    """
    pins: set[int] = set()
    files: set[str] = set()
    for folder in _builds(Store(settings.warehouse)):
        named = _PIN.search(folder.name)
        pins |= {int(named.group(1))} if named is not None else set()
        # a build that failed half-way may be unreadable; its pin is kept all the same
        with suppress(duckdb.Error):
            files |= _scanned(folder / FILE_NAME, settings)
    published = published_manifest(settings)
    pins |= {published.pin} if published is not None else set()
    if settings.warehouse_engine == "bigquery" and settings.bigquery_connection:
        files |= _external(settings)
    return Readers(frozenset(pins), frozenset(files))


def _builds(store: Store) -> Iterator[Path]:
    """Folders of builds that somebody may look at."""
    for parent in (store.builds, store.failed):
        if parent.is_dir():
            yield from (folder for folder in sorted(parent.iterdir()) if folder.is_dir())
    if store.scratch.is_dir():
        yield store.scratch


def _scanned(file: Path, settings: Settings) -> set[str]:
    """The metadata files that the views of a build read."""
    if not file.exists():
        return set()
    with open_file(file, settings, read_only=True, lake=False) as connection:
        views = connection.execute("select sql from duckdb_views() where not internal").fetchall()
    return {
        location.replace("''", "'") for (sql,) in views for location in _SCANNED.findall(str(sql))
    }


def _external(settings: Settings) -> set[str]:
    """The metadata files that external tables of BigQuery stand on."""
    from orchestration.warehouse.bigquery.raw import PINNED
    from orchestration.warehouse.bigquery.service import Service

    service = Service(settings)
    names = [(contract.namespace, contract.table + PINNED) for contract in all_contracts()]
    names += [("ops", name) for name in OPS_TABLES]
    found: set[str] = set()
    for name in names:
        table = service.describe(*name)
        external = table.external_data_configuration if table is not None else None
        found |= {str(uri) for uri in external.source_uris} if external is not None else set()
    return found


def _opened(settings: Settings) -> Lake:
    """The lake with all its tables."""
    lake = Lake.open(settings)
    lake.ensure_tables()
    return lake


@contextmanager
def _held(settings: Settings, purpose: str) -> Iterator[tuple[Lake, Kept]]:
    """The lake, and what readers hold of it while no build can begin."""
    lake = _opened(settings)
    with Store(settings.warehouse).lock(purpose):
        held = readers(settings)
        yield lake, lake.upkeep.kept(held.pins, held.metadata_files)


def published_heads(settings: Settings, lake: Lake) -> dict[str, int]:
    """The newest commit of each raw table that readers see; nothing before the first publish."""
    published = published_manifest(settings)
    if published is None:
        return {}
    pins = {pin.number: pin for pin in lake.pins()}
    pin = pins.get(published.pin)
    return {name: table.to_seq for name, table in pin.tables.items()} if pin is not None else {}


def compact(
    settings: Settings,
    *,
    target_bytes: int = TARGET_BYTES,
    min_files: int = MIN_FILES,
    check: bool = False,
    progress: Progress = silent,
) -> list[Compaction]:
    """Rewrite small files below what is published; see `Upkeep.compact`.

    Raises:
        AdxError: A file is damaged, or the lake or BigQuery cannot be used.
    """
    lake = _opened(settings)
    return lake.upkeep.compact(
        published_heads(settings, lake),
        target_bytes=target_bytes,
        min_files=min_files,
        check=check,
        progress=progress,
    )


def expire(
    settings: Settings,
    *,
    keep: int = KEPT_SNAPSHOTS,
    hours: float = KEPT_HOURS,
    check: bool = False,
    progress: Progress = silent,
) -> list[Expiry]:
    """Forget snapshots that nobody needs; see `Upkeep.expire`.

    Raises:
        AdxError: A build is running, or the lake or BigQuery cannot be used.
    """
    with _held(settings, "lake expire") as (lake, kept):
        return lake.upkeep.expire(kept, keep=keep, hours=hours, check=check, progress=progress)


def orphans(
    settings: Settings,
    *,
    hours: float = KEPT_HOURS,
    delete: bool = False,
    progress: Progress = silent,
) -> list[Orphans]:
    """Find files that nothing reaches, and remove them if asked for; see `Upkeep.orphans`.

    Raises:
        AdxError: A build is running; a writer lives (with `delete`); something that is read is
            missing; or the lake or BigQuery cannot be used.
    """
    with _held(settings, "lake orphans") as (lake, kept):
        return lake.upkeep.orphans(kept, hours=hours, delete=delete, progress=progress)


def back_up(settings: Settings, folder: str | None = None) -> Backup:
    """Write what the catalog knows to a file; see `Upkeep.back_up`."""
    return _opened(settings).upkeep.back_up(folder)


def restore(settings: Settings, location: str | None = None) -> list[Pointer]:
    """Bring a catalog back from a backup, or the pointers where they know more."""
    return restore_catalog(settings, location)


def rebuild(settings: Settings) -> list[Pointer]:
    """Bring a catalog back from the pointers alone."""
    return recover_catalog(settings)


def status(settings: Settings) -> Status:
    """Where every table stands, and what is kept.

    Raises:
        AdxError: The lake or BigQuery cannot be used.
    """
    lake = _opened(settings)
    held = readers(settings)
    return lake.upkeep.status(lake.upkeep.kept(held.pins, held.metadata_files))
