"""What is known of a kind of files that no contract declares: its columns and their types."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from ingestion.drafts.content import Content, Format, Texts, quoted, read_texts

_FORMS: Final = {
    "int": r"-?(0|[1-9][0-9]{0,17})",
    "dec": r"-?[0-9]{1,29}\.[0-9]{1,9}",
    "bool": r"true|false",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "ts": r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})",
    "uuid": r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
    "ip": r"([0-9]{1,3}\.){3}[0-9]{1,3}|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*",
    "url": r"https?://.*",
}
"""Forms of texts; a text of none is `text`."""

_JSON_KINDS: Final = {
    "BIGINT": "number",
    "UBIGINT": "number",
    "DOUBLE": "float",
    "BOOLEAN": "truth",
    "OBJECT": "object",
    "ARRAY": "array",
}

SQL_TYPES: Final = {
    "int": "bigint",
    "dec": "decimal(38, 9)",
    "bool": "boolean",
    "date": "date",
    "ts": "timestamp with time zone",
    "uuid": "varchar",
    "ip": "varchar",
    "url": "varchar",
    "text": "varchar",
    "float": "double",
    "object": "json",
    "array": "json",
    "mixed": "varchar",
}
"""What a column of each type is in ad-hoc SQL."""


@dataclass(frozen=True)
class DraftColumn:
    """A field of undeclared files.

    Attributes:
        name: Its name in the files.
        type: One of `SQL_TYPES`; `mixed` where its values have several types.
        filled: How many of the records that were looked at have a value.
    """

    name: str
    type: str
    filled: int


@dataclass(frozen=True)
class Draft:
    """A kind of undeclared files, as the lake's catalog has it.

    Attributes:
        source: The source that they were dropped for.
        kind: What their names begin with.
        number: Counts the shapes that the kind has had, from 1.
        names: Forms of their names.
        format: How they are written; `unknown` where they could not be read.
        delimiter: What parts the fields of a CSV file.
        has_header: Whether a CSV file names its fields.
        files: How many files were looked at.
        rows: How many records of them.
        unread: Records among them that could not be read.
        unnamed: Fields whose names are no names.
        columns: Their fields.
    """

    source: str
    kind: str
    number: int
    names: tuple[str, ...]
    format: Format
    delimiter: str
    has_header: bool
    files: int
    rows: int
    unread: int
    unnamed: int
    columns: tuple[DraftColumn, ...]

    @property
    def name(self) -> str:
        """`<source>.<kind>`, as commands take it."""
        return f"{self.source}.{self.kind}"

    @property
    def table(self) -> str:
        """How ad-hoc SQL names its records."""
        return f"draft_{self.source}.{self.kind}"

    @property
    def shape(self) -> str:
        """A hash that is another one where the files have changed in form."""
        columns = [(column.name, column.type) for column in self.columns]
        shape = [self.format, self.delimiter, self.has_header, self.names, columns]
        return hashlib.sha256(json.dumps(shape).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """The draft as plain JSON values."""
        columns = [vars(column) for column in self.columns]
        return {**vars(self), "table": self.table, "columns": columns}


@dataclass
class Sample:
    """What some files of a kind have in common, file by file.

    Attributes:
        format: How they are written.
    """

    format: Format
    delimiter: str = ""
    has_header: bool = True
    files: int = 0
    rows: int = 0
    unread: int = 0
    unnamed: int = 0

    def __post_init__(self) -> None:
        self._names: dict[str, str] = {}
        self._seen: dict[str, Counter[str]] = {}

    def add(self, connection: duckdb.DuckDBPyConnection, content: Content) -> None:
        """Look at the records of a file."""
        texts = read_texts(connection, content)
        self.files += 1
        if texts is None:
            return
        self.rows += texts.rows
        self.unread += texts.unread
        self.unnamed = max(self.unnamed, texts.unnamed)
        self.delimiter = self.delimiter or texts.delimiter
        self.has_header = self.has_header and texts.has_header
        for name in texts.columns:
            known = self._names.setdefault(name.lower(), name)
            seen = self._seen.setdefault(known, Counter())
            seen.update(_kinds(connection, texts, name, is_json=self.format != "csv"))
        connection.execute(f"drop table {texts.table}")

    def columns(self) -> tuple[DraftColumn, ...]:
        """The fields of all files, in the order in which they came."""
        return tuple(
            DraftColumn(name, _type(seen, is_json=self.format != "csv"), seen.total())
            for name, seen in self._seen.items()
        )


def _kinds(
    connection: duckdb.DuckDBPyConnection, texts: Texts, name: str, *, is_json: bool
) -> Mapping[str, int]:
    """How many values of a column have which kind."""
    value = quoted(name)
    text = f"({value} ->> '$')" if is_json else value
    forms = " ".join(
        f"when regexp_full_match({text}, '{form}') then '{kind}'" for kind, form in _FORMS.items()
    )
    kind = f"case {forms} else 'text' end"
    if is_json:
        others = " ".join(
            f"when json_type({value}) = '{json_type}' then '{known}'"
            for json_type, known in _JSON_KINDS.items()
        )
        kind = f"case {others} else {kind} end"
    found = connection.execute(
        f"select {kind}, count(*) from {texts.table} where {text} is not null group by all"
    ).fetchall()
    return {str(kind): int(count) for kind, count in found}


def _type(seen: Counter[str], *, is_json: bool) -> str:
    kinds = set(seen)
    others = kinds & set(_JSON_KINDS.values())
    if kinds and kinds <= {"number", "float"}:
        return "int" if kinds == {"number"} else "float"
    if others:
        (kind, *more) = sorted(kinds)
        return "mixed" if more else {"truth": "bool"}.get(kind, kind)
    if not kinds:
        return "text"
    if is_json and kinds & {"int", "bool"}:
        return "dec" if kinds == {"int", "dec"} else "text"  # "7" is no number there
    if kinds == {"int", "dec"}:
        return "dec"
    return kinds.pop() if len(kinds) == 1 else "text"


def kind_of(name: str) -> str:
    """The kind that a file name speaks of: `orders-2026-03-28T05.csv` is of `orders`."""
    stem = _stem(name)
    return stem.lower().replace("-", "_")[:40] or "file"


def form_of(name: str) -> str:
    """The form of the names of files like one: `orders*.csv`."""
    base, dot, suffix = name.partition(".")
    stem = _stem(name)
    before = "" if not stem or base.startswith(stem) else "*"
    return f"{before}{stem}*{dot}{suffix if dot else ''}"


def _stem(name: str) -> str:
    found = re.search(r"[A-Za-z]+(?:[-_][A-Za-z]+)*", name.partition(".")[0])
    return found.group() if found else ""
