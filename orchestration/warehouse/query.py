"""Read-only SQL over the published warehouse: raw views, vault, marts, ops."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingestion.drafts.content import connect_in_memory
from ingestion.drafts.tables import asks_for_drafts, draft_tables
from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.store import FILE_NAME, Store


@dataclass(frozen=True)
class Answer:
    """Rows of a query.

    Attributes:
        columns: Column names.
        rows: Values as Python objects; decimals stay exact.
        truncated: Whether there were more rows than asked for.
    """

    columns: list[str]
    rows: list[tuple[object, ...]]
    truncated: bool


def file_of(settings: Settings, build: str | None) -> Path:
    """The DuckDB file to read: the published one, that of a build id, or the scratch copy.

    Raises:
        AdxError: There is no such build.
    """
    store = Store(settings.warehouse)
    if build is None:
        store.published()
        return store.current_file
    if build == "scratch":
        file = store.scratch / FILE_NAME
    elif (store.failed / build).is_dir():
        file = store.failed / build / FILE_NAME
    else:
        file = store.read(build).file
    if not file.exists():
        raise AdxError(
            f"There is no {build} build in {store.folder}.",
            remedy="`adx dbt build --select …` makes a scratch build.",
            exit_code=ExitCode.USAGE,
        )
    return file


def query(settings: Settings, sql: str, *, limit: int | None, build: str | None = None) -> Answer:
    """Run one SELECT; tables named `draft_<source>.<kind>` are those of the catalog's drafts.

    Raises:
        AdxError: It is not one readable SELECT, or the engine refuses it.
    """
    drafts = asks_for_drafts(sql)
    if settings.warehouse_engine == "bigquery" and not drafts:
        return _ask_bigquery(settings, sql, limit, build)
    with _opened(settings, build, drafts=drafts) as connection:
        _check(connection, sql)
        if drafts:
            draft_tables(connection, settings, sql)
        try:
            cursor = connection.execute(sql)
            rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit + 1)
        except duckdb.Error as error:
            raise _refused(error) from error
        columns = [column[0] for column in cursor.description or ()]
    if limit is None:
        return Answer(columns, rows, truncated=False)
    return Answer(columns, rows[:limit], truncated=len(rows) > limit)


@contextmanager
def _opened(
    settings: Settings, build: str | None, *, drafts: bool
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse file; memory alone for drafts where there is no file yet."""
    if drafts and build is None and not Store(settings.warehouse).current():
        with connect_in_memory() as connection:
            yield connection
    else:
        with open_file(file_of(settings, build), settings, read_only=True) as connection:
            yield connection


def _ask_bigquery(settings: Settings, sql: str, limit: int | None, build: str | None) -> Answer:
    if build is not None:
        raise AdxError(
            "On BigQuery every build stands in datasets, and there is no file to choose.",
            remedy="Leave --build out and name the dataset: core (published), work_core (in the "
            "making), marts_<build> (kept), scratch_work_core (of `adx dbt`).",
            exit_code=ExitCode.USAGE,
        )
    from orchestration.warehouse.bigquery.query import query as ask

    return ask(settings, sql, limit=limit)


def _check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise _refused(error) from error
    if len(statements) != 1:
        raise AdxError(
            f"One statement is wanted, not {len(statements)}.",
            remedy="Give one SELECT; common table expressions and unions are welcome.",
            exit_code=ExitCode.USAGE,
        )
    kind = statements[0].type
    if kind not in {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}:
        raise AdxError(
            f"`adx query` only reads; this is {kind.name.lower()}.",
            remedy="Give a SELECT (or DESCRIBE, SUMMARIZE, EXPLAIN); tables are written by builds.",
            exit_code=ExitCode.USAGE,
        )


def _refused(error: duckdb.Error) -> AdxError:
    text = " ".join(str(error).split())
    return AdxError(
        f"The query cannot be answered: {text[:500]}",
        remedy='`adx query "show all tables"` lists schemas, tables and columns.',
        exit_code=ExitCode.USAGE,
    )
