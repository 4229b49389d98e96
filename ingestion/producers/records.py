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
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

MARK = b"AXJ1"
MOST_KEY_BYTES = 2**16 - 1
_PREFIX = struct.Struct("<4sI")
_HEAD = struct.Struct("<IHQQQ")
HEADER_BYTES = _PREFIX.size + _HEAD.size


@dataclass(frozen=True, slots=True)
class Record:
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


def pack(seq: int, durable: int, clock_ms: int, key: bytes, value: bytes) -> bytes:
    """The bytes of a record."""
    body = _HEAD.pack(len(value), len(key), seq, durable, clock_ms) + key + value
    return _PREFIX.pack(MARK, crc32(body)) + body


def read_record(content: bytes, offset: int) -> Record | None:
    """The record at a place; None if there is no whole one."""
    start = offset + _PREFIX.size
    if start + _HEAD.size > len(content):
        return None
    mark, crc = _PREFIX.unpack_from(content, offset)
    length, key_length, seq, durable, clock_ms = _HEAD.unpack_from(content, start)
    begin = start + _HEAD.size
    end = begin + key_length + length
    if mark != MARK or end > len(content) or crc32(content[start:end]) != crc:
        return None
    middle = begin + key_length
    return Record(seq, content[begin:middle], content[middle:end], durable, clock_ms, end - offset)


def read_records(content: bytes, first: int) -> Iterator[Record]:
    """The records of a segment from its beginning, as far as they are whole and in order.

    Args:
        content: The bytes of the segment.
        first: Number of its first record.
    """
    offset = 0
    while (record := read_record(content, offset)) is not None and record.seq == first:
        yield record
        offset += record.size
        first += 1


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
