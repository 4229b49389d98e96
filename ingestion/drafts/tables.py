"""Undeclared files as tables of ad-hoc SQL, decrypted into memory for one query."""

import re
from typing import Final

import duckdb

from ingestion.drafts.catalog import find_draft, undeclared
from ingestion.drafts.content import confine, content_of, literal, quoted, read_texts
from ingestion.drafts.draft import SQL_TYPES, Draft, DraftColumn, kind_of
from ingestion.errors import AdxError, ExitCode
from ingestion.lake import Lake
from ingestion.settings import Settings
from ingestion.sources.error_archive import Archived, ErrorArchive, error_archive

_ASKED: Final = re.compile(r"\bdraft_([a-z0-9_]+)\s*\.\s*\"?([a-z0-9_]+)", re.IGNORECASE)
_FILE: Final = "_file"
_MOST_BYTES: Final = 512 * 1024 * 1024


def asks_for_drafts(sql: str) -> bool:
    """Whether a query names a table of a draft, `draft_<source>.<kind>`."""
    return _ASKED.search(sql) is not None


def draft_tables(connection: duckdb.DuckDBPyConnection, settings: Settings, sql: str) -> None:
    """Make the tables of drafts that a query names, in databases of memory beside the open one.

    Each has the columns of its draft and `_file`, the name of the file; a value that is not of its
    column's type is null.

    Raises:
        AdxError: There is no such draft, or its files are too large to be held in memory.
    """
    confine(connection)
    lake = Lake.open(settings)
    lake.ensure_tables()
    asked = {(source.lower(), kind.lower()) for source, kind in _ASKED.findall(sql)}
    for source in sorted({source for source, _ in asked}):
        connection.execute(f"attach ':memory:' as {quoted(f'draft_{source}')}")
    for source, kind in sorted(asked):
        draft = find_draft(lake, f"{source}.{kind}")
        archive = error_archive(settings, source)
        files = [file for file in undeclared(archive) if kind_of(file.reason.name) == kind]
        if sum(file.reason.bytes for file in files) > _MOST_BYTES:
            raise _too_large(draft)
        _make(connection, archive, draft, files)


def _make(
    connection: duckdb.DuckDBPyConnection,
    archive: ErrorArchive,
    draft: Draft,
    files: list[Archived],
) -> None:
    known = [column for column in draft.columns if column.name.lower() != _FILE]
    columns = ", ".join(f"{quoted(column.name)} {SQL_TYPES[column.type]}" for column in known)
    place = f"{quoted(f'draft_{draft.source}')}.{quoted(draft.kind)}"
    connection.execute(f"create table {place} ({columns}, {_FILE} varchar)")
    room = _MOST_BYTES
    for file in files:
        try:
            raw = archive.content(file)
        except AdxError as error:
            if error.exit_code is not ExitCode.DATA:
                raise
            continue  # its key was dropped: it is erased
        content = content_of(file.reason.name, raw, is_whole=True, most=room)
        room -= len(content.data)
        if content.has_more or room <= 0:
            raise _too_large(draft)
        texts = read_texts(connection, content) if content.format == draft.format else None
        if texts is None:
            continue
        values = ", ".join(_value(column, texts.columns, draft) for column in known)
        connection.execute(
            f"insert into {place} select {values}, {literal(file.reason.name)} from {texts.table}"
        )
        connection.execute(f"drop table {texts.table}")


def _too_large(draft: Draft) -> AdxError:
    return AdxError(
        f"The files of {draft.name} hold more than the {_MOST_BYTES:,} bytes that a query takes.",
        remedy="Adopt it (`adx catalog adopt`) and query the landed table.",
        exit_code=ExitCode.USAGE,
    )


def _value(column: DraftColumn, found: tuple[str, ...], draft: Draft) -> str:
    if column.name.lower() not in {name.lower() for name in found}:
        return "null"
    name, kind = quoted(column.name), SQL_TYPES[column.type]
    if draft.format == "csv":
        return f"try_cast({name} as {kind})"
    return name if kind == "json" else f"try_cast({name} ->> '$' as {kind})"
