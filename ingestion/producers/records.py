"""The form of a journal's records, and what is left of them after a crash.

A record is, in little-endian order: the mark `AXJ1`; a CRC-32 of all that follows; the length of
the value (32 bits) and of the key (16); its number, `seq` (64); `durable` (64), the number below
which all records were on disk when this one was written; the producer's clock in milliseconds
(64); the key; the value.

`durable` tells a torn tail from damage. Records are written in groups, and a group is written when
the one before it is on disk. So an unreadable record, behind which stands one that says that it was
on disk, was damaged later; any other is the end of what the crash left.
"""

import struct
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple
from zlib import crc32

MARK = b"AXJ1"
MOST_KEY_BYTES = 2**16 - 1
_PREFIX = struct.Struct("<4sI")
_HEAD = struct.Struct("<IHQQQ")
_WHOLE = struct.Struct("<4sIIHQQQ")
HEADER_BYTES = _WHOLE.size


class Record(NamedTuple):
    """One record.

    Attributes:
        seq: Its number.
        key: What decides its partition.
        value: The event.
        durable: Records below this number were on disk before this one was written.
        clock_ms: The producer's clock.
        size: Its bytes in the journal.
    """

    seq: int
    key: bytes
    value: bytes
    durable: int
    clock_ms: int
    size: int


_record = partial(tuple.__new__, Record)  # half of the time that its own constructor takes


def pack(seq: int, durable: int, clock_ms: int, key: bytes, value: bytes) -> bytes:
    """The bytes of a record."""
    return pack_all([(key, value)], seq, durable, clock_ms)


def pack_all(
    records: Iterable[tuple[bytes, bytes]], first: int, durable: int, clock_ms: int
) -> bytes:
    """The bytes of records that follow each other.

    Args:
        records: Keys and values.
        first: Number of the first one.
        durable: Number below which all records are on disk.
        clock_ms: The producer's clock.
    """
    parts = []
    for seq, (key, value) in enumerate(records, first):
        head = _HEAD.pack(len(value), len(key), seq, durable, clock_ms) + key
        parts.append(_PREFIX.pack(MARK, crc32(value, crc32(head))) + head)
        parts.append(value)
    return b"".join(parts)


def read_record(content: bytes, offset: int) -> Record | None:
    """The record at a place; None if there is no whole one."""
    return next(_read(content, offset), None)


def read_records(content: bytes, first: int) -> Iterator[Record]:
    """The records of a segment from its beginning, as far as they are whole and in order.

    Args:
        content: The bytes of the segment.
        first: Number of its first record.
    """
    for expected, record in enumerate(_read(content, 0), first):
        if record.seq != expected:
            return
        yield record


def was_durable(content: bytes, offset: int, seq: int) -> bool:
    """Whether a record behind a place says that record `seq` was on disk before it."""
    place = content.find(MARK, offset)
    while place >= 0:
        record = read_record(content, place)
        if record is not None and record.durable > seq:
            return True
        # a mark inside a value of a whole record is not looked at
        place = content.find(MARK, place + (record.size if record is not None else 1))
    return False


def _read(content: bytes, offset: int) -> Iterator[Record]:
    """The records from a place on, as far as they are whole."""
    view = memoryview(content)
    last = len(content) - HEADER_BYTES
    while offset <= last:
        mark, crc, length, key_length, seq, durable, clock_ms = _WHOLE.unpack_from(content, offset)
        begin = offset + HEADER_BYTES
        middle = begin + key_length
        end = middle + length
        checked = view[offset + _PREFIX.size : end]
        if mark != MARK or end > len(content) or crc32(checked) != crc:
            return
        key, value = content[begin:middle], content[middle:end]
        yield _record((seq, key, value, durable, clock_ms, end - offset))
        offset = end
