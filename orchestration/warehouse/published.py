"""What is published, open for questions in SQL that both engines understand."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from ingestion.settings import Settings
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.store import Manifest, Store


@dataclass(frozen=True)
class Published:
    """The published build.

    Attributes:
        manifest: What it is.
        ask: Gives the rows of a SELECT that names its tables as `<layer>.<name>`.
    """

    manifest: Manifest
    ask: Callable[[str], list[tuple[Any, ...]]]


@contextmanager
def open_published(settings: Settings) -> Iterator[Published]:
    """Open the published build, read-only.

    Raises:
        AdxError: Nothing is published; or BigQuery cannot be used, or its tables below the marts
            hold another build.
    """
    if settings.warehouse_engine == "bigquery":
        from orchestration.warehouse.bigquery.published import open_on_bigquery

        yield open_on_bigquery(settings)
        return
    build = Store(settings.warehouse).published()
    with open_file(build.file, settings, read_only=True) as connection:
        yield on_duckdb(build.manifest, connection)


def on_duckdb(manifest: Manifest, connection: duckdb.DuckDBPyConnection) -> Published:
    """A build that a connection has open."""
    return Published(manifest, lambda sql: connection.execute(sql).fetchall())
