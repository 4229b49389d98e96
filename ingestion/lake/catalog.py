"""Opens the catalog that the settings name; the first process sets it up, under a lock."""

import fcntl
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.catalog_problems import CATALOG_FILE, lost_catalog
from ingestion.lake.durable import make_folder
from ingestion.lake.fileio import io_properties
from ingestion.lake.pointers import has_pointers, is_behind, is_known
from ingestion.lake.rest_catalog import LakeRestCatalog
from ingestion.lake.schema import AddColumns
from ingestion.lake.storage import join
from ingestion.settings import Settings

_NAME: Final = "advertisex"
_LOCK_SECONDS: Final = 30


def open_catalog(settings: Settings, *, recover: bool = False) -> Catalog:
    """The catalog of the lake.

    Args:
        settings: The environment.
        recover: Make a missing SQLite catalog although the lake holds commits.

    Raises:
        AdxError: The catalog is missing though the lake holds commits, or its URL is wrong.
    """
    make_folder(settings.lake)
    opener = {"sqlite": _sqlite, "postgres": _postgres, "rest": _rest}[settings.catalog_type]
    with setup_lock(settings.lake):
        if settings.catalog_type == "sqlite":
            _prepare_sqlite(settings, recover=recover)
        return opener(settings)


def _prepare_sqlite(settings: Settings, *, recover: bool) -> None:
    path = settings.lake / CATALOG_FILE
    if path.exists():
        return
    if not recover and has_pointers(settings.lake_root):
        raise lost_catalog(
            settings, f"The lake in {settings.lake_root} has lost its catalog {path.name}."
        )
    with closing(sqlite3.connect(path, timeout=_LOCK_SECONDS)) as connection:
        connection.execute("pragma journal_mode = wal")


def _sqlite(settings: Settings) -> Catalog:
    path = str(settings.lake / CATALOG_FILE)
    url = URL.create("sqlite", database=path, query={"timeout": str(_LOCK_SECONDS)})
    return SqlCatalog(_NAME, **_properties(settings), uri=_text(url))


def _postgres(settings: Settings) -> Catalog:
    try:
        url = make_url(str(settings.catalog_url))
    except ArgumentError as error:
        raise AdxError(
            "ADX_CATALOG_URL is no database URL.",
            remedy="Set it like postgresql+pg8000://<user>@<host>:<port>/<database>.",
            exit_code=ExitCode.CONFIGURATION,
        ) from error
    if settings.catalog_secret is not None:
        url = url.set(password=settings.catalog_secret.get_secret_value())
    # a connection that the server has closed meanwhile must not fail the next commit
    return SqlCatalog(_NAME, pool_pre_ping="true", **_properties(settings), uri=_text(url))


def _rest(settings: Settings) -> Catalog:
    properties = {"uri": str(settings.catalog_url), **_properties(settings)}
    if settings.catalog_secret is not None:
        properties["credential"] = settings.catalog_secret.get_secret_value()
    return LakeRestCatalog(_NAME, **properties)


def _properties(settings: Settings) -> dict[str, str]:
    properties = {
        "warehouse": settings.catalog_warehouse or join(settings.lake_root, "tables"),
        "py-io-impl": "ingestion.lake.fileio.LakeFileIO",
    }
    return properties | io_properties() | settings.catalog_options


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def find_table(catalog: Catalog, settings: Settings, identifier: tuple[str, str]) -> Table | None:
    """A table, or None where there has never been one.

    Raises:
        AdxError: The catalog has forgotten the table or its newest commits, as an emptied or
            restored catalog does. Going on would load everything a second time.
    """
    name, root = ".".join(identifier), settings.lake_root
    try:
        table = catalog.load_table(identifier)
    except NoSuchTableError:
        if not is_known(root, identifier):
            return None
        raise lost_catalog(settings, f"The catalog of {root} has forgotten {name}.") from None
    # A commit may come in between, so look twice before crying wolf.
    if is_behind(root, table) and is_behind(root, catalog.load_table(identifier)):
        raise lost_catalog(
            settings, f"The catalog of {root} has forgotten the newest commits to {name}."
        )
    return table


def make_table(
    catalog: Catalog,
    identifier: tuple[str, str],
    schema: Schema,
    properties: Mapping[str, str],
    partition_spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
    *,
    columns: Sequence[AddColumns] = (),
) -> Table:
    """Create a table and its namespace; what another machine has made meanwhile is taken.

    Args:
        catalog: The catalog.
        identifier: Namespace and name.
        schema: The columns that the table begins with.
        properties: Its properties.
        partition_spec: Its partitions.
        columns: Each adds the columns of a later version in the same commit, so that they are
            numbered as in a table that was upgraded.
    """
    catalog.create_namespace_if_not_exists(identifier[0])
    create = catalog.create_table_transaction if columns else catalog.create_table
    try:
        made = create(
            identifier, schema, partition_spec=partition_spec, properties=dict(properties)
        )
        if isinstance(made, Table):
            return made
        for add in columns:
            with made.update_schema() as update:
                add(update)
        return made.commit_transaction()
    except (TableAlreadyExistsError, CommitFailedException):
        return catalog.load_table(identifier)


@contextmanager
def setup_lock(folder: Path) -> Iterator[None]:
    """Wait for and hold the lock under which the catalog and its tables are made.

    pyiceberg's "create if not exists" looks first and creates then: two processes that make one
    namespace at once crash (8 of them, every time).
    """
    with (folder / ".setup.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
