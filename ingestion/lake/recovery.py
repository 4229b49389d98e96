"""Rebuilds a lost catalog from the pointers that each commit left beside the lake."""

import hashlib
from collections.abc import Sequence

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError

from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake.catalog import open_catalog
from ingestion.lake.catalog_problems import CATALOG_FILE, lake_errors
from ingestion.lake.pointers import Pointer, newest_pointers
from ingestion.lake.storage import storage_of
from ingestion.settings import Settings


def recover_catalog(settings: Settings) -> list[Pointer]:
    """Make every table stand where its newest pointer says, or later.

    A commit whose process died before it wrote its pointer is not among them; its claim is lost
    with it, so the next landing brings those rows again, once.

    Returns:
        The pointers that were taken: of tables that the catalog did not know, or not so far.

    Raises:
        AdxError: The catalog is whole, there is no pointer, or a metadata file is damaged.
    """
    with lake_errors(settings):
        pointers = newest_pointers(settings.lake_root)
        if not pointers:
            _demand_no_catalog(settings)
            raise AdxError(
                f"The lake in {settings.lake_root} has no pointers to recover from.",
                remedy="Check ADX_HOME and ADX_LAKE_URL; an empty lake needs no recovery.",
                exit_code=ExitCode.CONFIGURATION,
            )
        return register_tables(settings, pointers)


def register_tables(settings: Settings, pointers: Sequence[Pointer]) -> list[Pointer]:
    """Let the catalog know tables at least as far as pointers do; it never goes back.

    Returns:
        The pointers that were taken.

    Raises:
        AdxError: As `recover_catalog`.
    """
    _demand_no_catalog(settings)
    for pointer in pointers:
        _check(pointer)
    catalog = open_catalog(settings, recover=True)
    taken = []
    for pointer in pointers:
        if _register(catalog, pointer):
            taken.append(pointer)
        failpoint("recover.after_table")
    if not taken:
        raise AdxError(
            f"The catalog at {settings.catalog_url} knows all that the pointers say.",
            remedy="Nothing is to be recovered; check ADX_CATALOG_URL if this is a surprise.",
            exit_code=ExitCode.USAGE,
        )
    return taken


def _demand_no_catalog(settings: Settings) -> None:
    if settings.catalog_type == "sqlite" and (settings.lake / CATALOG_FILE).exists():
        raise AdxError(
            f"The lake in {settings.lake} has a catalog.",
            remedy=f"Move {CATALOG_FILE}* away first if it is damaged.",
            exit_code=ExitCode.USAGE,
        )


def _check(pointer: Pointer) -> None:
    content = storage_of(pointer.metadata_location).read(pointer.metadata_location)
    if hashlib.sha256(content).hexdigest() != pointer.metadata_sha256:
        raise AdxError(
            f"The metadata file {pointer.metadata_location} of {pointer.table} is damaged.",
            remedy="Restore it, or delete the newest pointer of that table to go one commit back; "
            "then land what that commit held and run `adx build --full-refresh`.",
            exit_code=ExitCode.UNAVAILABLE,
        )


def _register(catalog: Catalog, pointer: Pointer) -> bool:
    """Let the catalog know a table as far as the pointer does; whether it had to be told."""
    namespace, _, name = pointer.table.partition(".")
    identifier = (namespace, name)
    catalog.create_namespace_if_not_exists(namespace)
    try:
        known = catalog.load_table(identifier).metadata.last_sequence_number
    except NoSuchTableError:
        known = None
    if known is not None and known >= pointer.sequence_number:
        return False
    if known is not None:
        catalog.drop_table(identifier)  # the entry alone; files stay
    catalog.register_table(identifier, pointer.metadata_location)
    return True
