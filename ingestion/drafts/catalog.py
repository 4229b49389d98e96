"""The drafts in the lake's catalog: what the error archive holds of kinds that nobody declared.

A file that no table takes goes to the error archive, encrypted. A crawl decrypts the beginning of
such files into memory, lets DuckDB find their form, and registers it in `ops.catalog_drafts`:
names, types and counts, never a value.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

import duckdb

from ingestion.drafts.content import connect_in_memory, content_of
from ingestion.drafts.draft import Draft, DraftColumn, Sample, form_of, kind_of
from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.lake import Lake
from ingestion.sources.error_archive import Archived, ErrorArchive

_SAMPLE_BYTES: Final = 4 * 1024 * 1024
_SAMPLE_FILES: Final = 20
"""How much of a file, and how many files of a kind, a crawl looks at; the newest."""


@dataclass(frozen=True)
class Crawled:
    """A kind that was looked at.

    Attributes:
        draft: What it is like.
        is_new: Whether its form was not registered yet.
    """

    draft: Draft
    is_new: bool


def undeclared(archive: ErrorArchive) -> list[Archived]:
    """The archived files that no table takes, oldest first."""
    return [file for file in archive.files() if file.reason.step == "name"]


def crawl(
    lake: Lake, archive: ErrorArchive, source: str, kinds: Iterable[str] | None = None
) -> list[Crawled]:
    """Look at the undeclared files of a source and register forms that are new.

    Args:
        lake: The lake.
        archive: The error archive of the source.
        source: The source.
        kinds: Only these kinds; None for all.

    Raises:
        AdxError: The lake or the archive cannot be used. A file whose key was dropped is erased,
            and passed over.
    """
    wanted = None if kinds is None else set(kinds)
    files = sorted(undeclared(archive), key=lambda file: kind_of(file.reason.name))
    known = {draft.kind: draft for draft in drafts(lake, source)}
    found = []
    with connect_in_memory() as connection:
        for kind, of_kind in groupby(files, key=lambda file: kind_of(file.reason.name)):
            if wanted is not None and kind not in wanted:
                continue
            draft = _look(connection, archive, source, kind, list(of_kind))
            if draft is None:
                continue
            before = known.get(kind)
            is_new = before is None or before.shape != draft.shape
            number = 1 if before is None else before.number + is_new
            found.append(Crawled(Draft(**{**vars(draft), "number": number}), is_new))
    failpoint("catalog.before_register")
    lake.append_ops("catalog_drafts", [_row(item.draft) for item in found if item.is_new])
    return found


def _look(
    connection: duckdb.DuckDBPyConnection,
    archive: ErrorArchive,
    source: str,
    kind: str,
    files: list[Archived],
) -> Draft | None:
    sample: Sample | None = None
    names = set()
    for file in reversed(files[-_SAMPLE_FILES:]):
        try:
            raw = archive.content(file, most=_SAMPLE_BYTES)
        except AdxError as error:
            if error.exit_code is not ExitCode.DATA:
                raise
            continue
        is_whole = len(raw) == file.reason.bytes
        content = content_of(file.reason.name, raw, is_whole=is_whole, most=_SAMPLE_BYTES)
        sample = sample or Sample(content.format)
        if content.format == sample.format:
            sample.add(connection, content)
            names.add(form_of(file.reason.name))
    if sample is None:
        return None
    columns = sample.columns()
    return Draft(
        source=source,
        kind=kind,
        number=0,
        names=tuple(sorted(names)),
        format=sample.format if columns else "unknown",
        delimiter=sample.delimiter,
        has_header=sample.has_header,
        files=sample.files,
        rows=sample.rows,
        unread=sample.unread,
        unnamed=sample.unnamed,
        columns=columns,
    )


def drafts(lake: Lake, source: str | None = None) -> list[Draft]:
    """The newest draft of each kind, by source and kind."""
    rows = lake.read_ops("catalog_drafts").to_pylist()
    rows.sort(key=lambda row: (row["source"], row["kind"], row["number"]))
    newest = {(row["source"], row["kind"]): row for row in rows if source in {None, row["source"]}}
    return [_draft(row) for row in newest.values()]


def find_draft(lake: Lake, name: str) -> Draft:
    """The newest draft of a kind by its name, `<source>.<kind>`.

    Raises:
        AdxError: There is none.
    """
    known = {draft.name: draft for draft in drafts(lake)}
    if name in known:
        return known[name]
    raise AdxError(
        f"The catalog has no draft {name}.",
        remedy=f"It has: {', '.join(known) or 'none'}. `adx catalog crawl` looks for new ones.",
        exit_code=ExitCode.USAGE,
    )


def _row(draft: Draft) -> dict[str, Any]:
    return {
        "source": draft.source,
        "kind": draft.kind,
        "number": draft.number,
        "format": draft.format,
        "names": json.dumps(draft.names),
        "delimiter": draft.delimiter,
        "has_header": draft.has_header,
        "columns": json.dumps([vars(column) for column in draft.columns]),
        "files": draft.files,
        "rows": draft.rows,
        "unread": draft.unread,
        "unnamed": draft.unnamed,
        "registered_at": datetime.now(UTC),
    }


def _draft(row: dict[str, Any]) -> Draft:
    fields = {name: value for name, value in row.items() if name in Draft.__dataclass_fields__}
    columns = tuple(DraftColumn(**column) for column in json.loads(row["columns"]))
    names = tuple(json.loads(row["names"]))
    return Draft(**{**fields, "names": names, "columns": columns})
