"""The content of an undeclared file as a DuckDB table of texts, in memory alone.

Nobody has said yet what in it is personal, so nothing of it is written anywhere in clear: it is
decrypted into memory, DuckDB reads it there, and may not spill to a disk.
"""

import io
import json
import re
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

import duckdb
import fastavro
import fsspec

from ingestion.landing.avro_container import MAGIC as AVRO_MAGIC

Format = Literal["csv", "jsonl", "avro", "unknown"]

_GZIP_MAGIC: Final = b"\x1f\x8b"
_CSV_SUFFIXES: Final = (".csv", ".tsv", ".txt")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.\- ]{0,62}")
_MOST_COLUMNS: Final = 500


@dataclass(frozen=True)
class Content:
    """What a file holds, unpacked.

    Attributes:
        format: How it is written.
        data: Its bytes; records of an Avro file as JSON lines.
        has_more: Whether it unpacks to more than was asked for.
    """

    format: Format
    data: bytes
    has_more: bool = False


@dataclass(frozen=True)
class Texts:
    """The records of a file in a table of texts.

    Attributes:
        table: Name of the table in the connection.
        columns: Names of the fields, each a column of that name; of JSON the value as JSON text.
        rows: How many records there are.
        unread: Records that could not be read.
        unnamed: Fields whose names are no names; their values may stand there, so they are
            left out, or are called `column_1` and so on in a CSV file.
        delimiter: What parts the fields of a CSV file.
        has_header: Whether a CSV file names its fields.
    """

    table: str
    columns: tuple[str, ...]
    rows: int
    unread: int = 0
    unnamed: int = 0
    delimiter: str = ""
    has_header: bool = True


def connect_in_memory() -> duckdb.DuckDBPyConnection:
    """DuckDB that writes nothing to a disk."""
    connection = duckdb.connect(":memory:")
    confine(connection)
    return connection


def confine(connection: duckdb.DuckDBPyConnection) -> None:
    """Keep what a connection reads in memory."""
    connection.execute("set temp_directory = ''")


def content_of(name: str, raw: bytes, *, is_whole: bool, most: int) -> Content:
    """Unpack the bytes of a file, or of its beginning.

    Args:
        name: Its name, which decides what text without braces is.
        raw: Its bytes.
        is_whole: Whether that is all of it; of a beginning the last, cut record is left out.
        most: How many bytes of it are unpacked, where it is packed.
    """
    data, whole, has_more = raw, is_whole, False
    if raw.startswith(_GZIP_MAGIC):
        data, ended = _gunzip(raw, most)
        has_more = not ended and len(data) >= most
        whole = whole and ended
    if data.startswith(AVRO_MAGIC):
        return Content("avro", _json_lines(data), has_more)
    if not whole:
        data = data[: data.rfind(b"\n") + 1]
    if data.lstrip()[:1] == b"{":
        return Content("jsonl", data, has_more)
    base = name.lower().removesuffix(".gz")
    if base.endswith(_CSV_SUFFIXES) and b"\0" not in data and data.strip():
        return Content("csv", data, has_more)
    return Content("unknown", b"", has_more)


def _gunzip(raw: bytes, most: int) -> tuple[bytes, bool]:
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        return unpacker.decompress(raw, most), unpacker.eof
    except zlib.error:
        return b"", False


def _json_lines(data: bytes) -> bytes:
    lines: list[str] = []
    # a cut or damaged file raises what it likes: what came before counts
    with suppress(Exception):
        lines.extend(json.dumps(record, default=_text) for record in _records(data))
    return "\n".join([*lines, ""]).encode()


def _records(data: bytes) -> Iterator[Any]:
    yield from fastavro.reader(io.BytesIO(data))


def _text(value: Any) -> str:
    """A value that JSON has no form for, as contracts write it."""
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def read_texts(connection: duckdb.DuckDBPyConnection, content: Content) -> Texts | None:
    """Read content into a new table; None if DuckDB finds no records in it."""
    table = f"texts_{uuid.uuid4().hex}"
    if content.format == "unknown":
        return None
    try:
        with _in_memory(connection, content.data) as url:
            if content.format == "csv":
                return _read_csv(connection, url, table)
            return _read_json(connection, url, table)
    except duckdb.Error:
        return None


@contextmanager
def _in_memory(connection: duckdb.DuckDBPyConnection, data: bytes) -> Iterator[str]:
    files = fsspec.filesystem("memory")
    if not connection.filesystem_is_registered("memory"):
        connection.register_filesystem(files)
    path = f"/{uuid.uuid4().hex}"
    files.pipe_file(path, data)
    try:
        yield f"memory:/{path}"
    finally:
        files.rm_file(path)


def _read_csv(connection: duckdb.DuckDBPyConnection, url: str, table: str) -> Texts:
    delimiter, header, found = connection.execute(
        "select delimiter, hasheader, columns from sniff_csv(?, sample_size = -1)", [url]
    ).fetchall()[0]
    sent = [str(column["name"]) for column in found]
    has_header = bool(header) and all(_NAME.fullmatch(name) for name in sent)
    names = sent if has_header else [f"column_{number + 1}" for number in range(len(sent))]
    declared = "{" + ", ".join(f"{literal(name)}: 'varchar'" for name in names) + "}"
    connection.execute(f"""
        create temp table {table} as
        select * from read_csv(
            {literal(url)}, auto_detect = false, columns = {declared}, header = {has_header},
            delim = {literal(delimiter)}, quote = '"', escape = '"', nullstr = '',
            ignore_errors = true, null_padding = false, store_rejects = false
        )
    """)
    rows = _count(connection, table)
    lines = connection.execute(
        "select count(*) from read_csv(?, auto_detect = false, columns = {'line': 'varchar'}, "
        "header = false, delim = '', quote = '', escape = '', ignore_errors = true)",
        [url],
    ).fetchall()[0][0]
    unread = max(0, int(lines) - rows - has_header)
    unnamed = 0 if has_header else len(names)
    return Texts(table, tuple(names), rows, unread, unnamed, delimiter, has_header)


def _read_json(connection: duckdb.DuckDBPyConnection, url: str, table: str) -> Texts | None:
    objects = f"objects_{table}"
    connection.execute(f"""
        create temp table {objects} as
        select json from read_json_objects(
            {literal(url)}, format = 'newline_delimited', ignore_errors = true
        )
    """)
    total = _count(connection, objects)
    connection.execute(f"delete from {objects} where json is null or json_type(json) != 'OBJECT'")
    rows = _count(connection, objects)
    if rows == 0:
        connection.execute(f"drop table {objects}")
        return None
    keys = [
        str(key)
        for (key,) in connection.execute(f"""
            select key from (select unnest(json_keys(json)) as key, rowid as line from {objects})
            group by key order by min(line), key
        """).fetchall()
    ]
    # SQL does not tell "Id" from "id": the first one counts
    named = {key.lower(): key for key in reversed(keys) if _NAME.fullmatch(key)}
    names = [key for key in keys if named.get(key.lower()) == key][:_MOST_COLUMNS]
    fields = ", ".join(
        f"json_extract(json, {literal(f'$.{quoted(name)}')}) as {quoted(name)}" for name in names
    )
    connection.execute(f"create temp table {table} as select {fields} from {objects}")
    connection.execute(f"drop table {objects}")
    return Texts(table, tuple(names), rows, total - rows, len(keys) - len(names))


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(connection.execute(f"select count(*) from {table}").fetchall()[0][0])


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"
