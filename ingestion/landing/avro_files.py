"""Avro object container files: strict to the contract, exact record numbers, bounded memory."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from ingestion.contracts import Contract, Field, raw_schema
from ingestion.landing.avro_container import AvroContainer, Block, open_container
from ingestion.landing.avro_records import BlockReader
from ingestion.landing.avro_types import check_types, parse_types
from ingestion.landing.context import LandingContext
from ingestion.landing.nested import MAX_DAY, MIN_DAY, accept_nested, micros
from ingestion.landing.rows import merge, strict_rows, with_extras, with_lineage
from ingestion.landing.strict import judge_record, read_json, unknown_fields
from ingestion.landing.values import EARLIEST, LATEST, wrong_value
from ingestion.landing.verdict import Failure, Verdict

_CHUNK_BYTES: Final = 16 * 1024 * 1024
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_FIRST_MICRO, _LAST_MICRO = micros(EARLIEST), micros(LATEST) - 1


def land_avro_file(context: LandingContext, path: Path, source_file: str) -> Iterator[pa.Table]:
    """Turn an Avro object container file into rows of the raw table.

    A field that is null is not there: it is no unknown field, and no member of a payload. A text
    that is no UTF-8 fails its record. `_source_line` is the number of the record, from 1. The
    caller commits nothing before the iterator has ended: a broken file shows only when it is read
    to the end.

    Args:
        context: The landing.
        path: Where the file is now.
        source_file: The name it was sent under, for lineage.

    Yields:
        Tables of `raw_schema(context.contract)`, in the order of the records; at least one.

    Raises:
        AdxError: The file is unreadable, no Avro file, cut off, has a damaged block (the message
            names it), or was written with a schema that is not the contract's (the message names
            the field).
    """
    file, container = open_container(path, source_file)
    with file:
        reader = _reader(context.contract, container, source_file)
        is_empty = True
        for blocks in _chunks(container):
            is_empty = False
            yield _land(context, reader, blocks, source_file)
        if is_empty:
            yield raw_schema(context.contract).empty_table()


def _reader(contract: Contract, container: AvroContainer, source_file: str) -> BlockReader:
    try:
        kind = parse_types(container.schema)
    except ValueError as error:
        container.without_schema(str(error))
    check_types(contract, kind, source_file)
    return BlockReader(container, kind)


def _chunks(container: AvroContainer) -> Iterator[list[Block]]:
    """Blocks in groups of some MiB."""
    chunk: list[Block] = []
    size = 0
    for block in container.blocks():
        chunk.append(block)
        size += len(block.data)
        if size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _land(
    context: LandingContext, reader: BlockReader, blocks: list[Block], source_file: str
) -> pa.Table:
    records = reader.fast(blocks)
    if records is None:
        plain = [without_nulls(record) for record in reader.exact(blocks)]
        body = strict_records(context, plain)
    else:
        body = land_nested(context, records)
    first = blocks[0].first
    lineage = pa.table(
        {
            "_source_file": pa.repeat(source_file, len(body)),
            "_source_line": pa.array(np.arange(first, first + len(body))),
        }
    )
    return with_lineage(context, body, lineage)


def land_nested(context: LandingContext, records: pa.Table) -> pa.Table:
    """The rows of records that are there as Arrow, in `body_schema`, without lineage."""
    accepted = accept_nested(context, records)
    doubtful, rows = accepted.doubtful, accepted.rows
    extras: dict[int, dict[str, Any]] = {}
    places = np.flatnonzero(accepted.drifting)
    for place, record in zip(places.tolist(), _plain(records, accepted.drifting), strict=True):
        found = unknown_fields(context.contract, record, len(payload_of(record)))
        if found is None:
            doubtful[place] = True
        else:
            extras[place] = found
    if extras:
        rows = with_extras(context, rows, extras)
    strict = strict_records(context, _plain(records, doubtful))
    return merge([(rows, np.ones(len(rows), np.bool_)), (strict, doubtful)])


def strict_records(context: LandingContext, records: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows of plain records as the strict parser judges them, in `body_schema`."""
    payloads = [payload_of(record) for record in records]
    verdicts = [
        _judge(context.contract, record, payload)
        for record, payload in zip(records, payloads, strict=True)
    ]
    return strict_rows(context, verdicts, payloads)


def payload_of(record: Mapping[str, Any]) -> bytes:
    """A record as JSON: what an error keeps, and whose length counts."""
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="surrogateescape")


def _judge(contract: Contract, record: Mapping[str, Any], payload: bytes) -> Verdict:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return Verdict(failure=Failure("parse", None, "A text of the record is not UTF-8."))
    return judge_record(contract, record, _read, len(payload))


def _read(field: Field, path: str, found: Any) -> Any:
    """A value of Avro as the strict parser takes it: timestamps and dates as text."""
    match field.type:
        case "ts" if type(found) is int:
            if not _FIRST_MICRO <= found <= _LAST_MICRO:
                raise wrong_value(field, path, found)
            return (_EPOCH + timedelta(microseconds=found)).isoformat()
        case "date" if type(found) is int:
            if not MIN_DAY <= found <= MAX_DAY:
                raise wrong_value(field, path, found)
            return (_EPOCH.date() + timedelta(days=found)).isoformat()
        case _:
            return read_json(field, path, found)


def _plain(records: pa.Table, mask: np.ndarray[Any, np.dtype[np.bool_]]) -> list[dict[str, Any]]:
    chosen = records.take(pa.array(np.flatnonzero(mask)))
    return [without_nulls(record) for record in chosen.to_pylist()]


def without_nulls(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without its null members, bytes as hex."""
    return {name: _cleared(value) for name, value in record.items() if value is not None}


def _cleared(value: Any) -> Any:
    match value:
        case dict():
            return without_nulls(value)
        case list():
            return [_cleared(element) for element in value]
        case bytes():
            return value.hex()
        case _:
            return value
