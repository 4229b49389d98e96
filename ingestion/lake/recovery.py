"""Rebuilds a lost catalog from the pointers that each commit left beside the lake."""

import hashlib

from pyiceberg.catalog import Catalog

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.catalog import CATALOG_FILE, lake_errors, open_catalog
from ingestion.lake.durable import local_path
from ingestion.lake.pointers import Pointer, newest_pointers
from ingestion.settings import Settings


def recover_catalog(settings: Settings) -> list[Pointer]:
    """Make a new catalog in which every table stands where its newest pointer says.

    A commit whose process died before it wrote its pointer is not among them; its claim is lost
    with it, so the next landing brings those rows again, once.

    Returns:
        The pointers that were taken.

    Raises:
        AdxError: There is a catalog, there is no pointer, or a metadata file is damaged.
    """
    folder = settings.lake
    with lake_errors(folder):
        if (folder / CATALOG_FILE).exists():
            raise AdxError(
                f"The lake in {folder} has a catalog.",
                remedy=f"Move {CATALOG_FILE}* away first if it is damaged.",
                exit_code=ExitCode.USAGE,
            )
        pointers = newest_pointers(folder) if (folder / "pointers").exists() else []
        if not pointers:
            raise AdxError(
                f"The lake in {folder} has no pointers to recover from.",
                remedy="Check ADX_HOME; an empty lake needs no recovery.",
                exit_code=ExitCode.CONFIGURATION,
            )
        for pointer in pointers:
            _check(pointer)
        catalog = open_catalog(folder, recover=True)
        for pointer in pointers:
            _register(catalog, pointer)
        return pointers


def _check(pointer: Pointer) -> None:
    content = local_path(pointer.metadata_location).read_bytes()
    if hashlib.sha256(content).hexdigest() != pointer.metadata_sha256:
        raise AdxError(
            f"The metadata file {pointer.metadata_location} of {pointer.table} is damaged.",
            remedy="Restore it, or delete the newest pointer of that table to go one commit back.",
            exit_code=ExitCode.UNAVAILABLE,
        )


def _register(catalog: Catalog, pointer: Pointer) -> None:
    namespace, _, name = pointer.table.partition(".")
    catalog.create_namespace_if_not_exists(namespace)
    catalog.register_table((namespace, name), pointer.metadata_location)
