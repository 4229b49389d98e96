"""RFC 4180, exactly and vectorised: where records and fields begin and end in a block of bytes.

Whether a comma or a line feed separates depends on the number of quotes before it, and that can be
counted for all of them at once. Every field is then held against the grammar: no quote and no
carriage return in a plain field; a quoted field begins and ends with a quote, and holds quotes in
pairs only.

A record that breaks the grammar ends at its first line feed, so that a stray quote costs one line
and not the rest of the file. So does a record that is longer than allowed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from ingestion.landing.strict import oversize_message
from ingestion.landing.verdict import Failure

Ints = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

_QUOTE, _COMMA, _LINE_FEED, _RETURN = 34, 44, 10, 13
_FIRST_WINDOW = 64 * 1024
_LAST_WINDOW = 8 * 1024 * 1024


@dataclass(frozen=True)
class CsvBlock:
    """Some records of a file, in order.

    Attributes:
        data: The bytes they lie in.
        starts: Where each record begins.
        stops: Where it ends, without its line end.
        lines: Number of its first line.
        faults: Records that are no clean CSV, by their place in this block.
        columns: The fields of all other records, in binary, quotes taken off.
    """

    data: bytes
    starts: Ints
    stops: Ints
    lines: Ints
    columns: list[pa.Array]
    faults: dict[int, Failure] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.starts)

    def raw(self, place: int) -> bytes:
        """A record as it came, without its line end."""
        return self.data[self.starts[place] : self.stops[place]]


def csv_blocks(
    pieces: Iterator[bytes], field_count: int, max_bytes: int, line: int = 1
) -> Iterator[CsvBlock]:
    """Split a stream of bytes into records.

    Args:
        pieces: The bytes.
        field_count: Fields that a record must have.
        max_bytes: Most bytes that a record may have.
        line: Number of the first line.
    """
    rest, window, at_end = b"", _FIRST_WINDOW, False
    while not at_end:
        piece = next(pieces, None)
        at_end = piece is None
        data, at = rest + (piece or b""), 0
        while at < len(data):
            part = data[at : at + window]
            scan = _Scan(part, max_bytes, is_last=at_end and at + len(part) == len(data))
            if scan.count:
                yield scan.block(field_count, line)
                line, at = line + scan.line_count, at + scan.consumed
                window = _FIRST_WINDOW if scan.is_broken else min(window * 2, _LAST_WINDOW)
            elif scan.is_broken:
                stop = data.find(b"\n", at)
                if stop < 0 and not at_end:
                    break
                stop = len(data) if stop < 0 else stop
                yield _broken(data[at:stop], line, max_bytes)
                line, at, window = line + 1, stop + 1, _FIRST_WINDOW
            elif at + window < len(data):
                window *= 2
            else:
                break
        rest = data[at:]


def _broken(record: bytes, line: int, max_bytes: int) -> CsvBlock:
    record = record.removesuffix(b"\r")
    if len(record) > max_bytes:
        failure = Failure("oversize", None, oversize_message(len(record), max_bytes))
    else:
        failure = Failure("parse", None, "The line breaks the quoting rules of CSV (RFC 4180).")
    ends = np.array([0]), np.array([len(record)]), np.array([line])
    return CsvBlock(record, *ends, [], {0: failure})


class _Scan:
    """The records at the beginning of some bytes, up to the first one that is broken or cut off.

    Attributes:
        count: Whole records that keep the grammar.
        consumed: Bytes they take, with their line ends.
        is_broken: Whether the next record breaks the grammar or is too long.
    """

    def __init__(self, data: bytes, max_bytes: int, *, is_last: bool) -> None:
        self.data = data
        self._bytes = np.frombuffer(data, np.uint8)
        self._quotes = np.flatnonzero(self._bytes == _QUOTE)
        separators = self._outside((self._bytes == _COMMA) | (self._bytes == _LINE_FEED))
        if is_last and len(self._quotes) % 2 == 0 and not data.endswith(b"\n"):
            separators = np.append(separators, len(data))
        is_end = self._is_end(separators)
        ends = separators[is_end]
        self._last_field = np.flatnonzero(is_end)
        self._starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
        self._separators = separators[: self._last_field[-1] + 1] if len(ends) else ends
        has_return = (ends > self._starts) & (ends < len(data))
        has_return[has_return] = self._bytes[ends[has_return] - 1] == _RETURN
        self._stops = ends - has_return

        bad = (self._stops - self._starts) > max_bytes
        if len(ends):
            bad |= np.logical_or.reduceat(
                self._broken_fields(), np.concatenate(([0], self._last_field[:-1] + 1))
            )
        self.count = int(np.argmax(bad)) if bad.any() else len(ends)
        self.consumed = min(int(ends[self.count - 1]) + 1, len(data)) if self.count else 0
        cut_off = len(data) - self.consumed
        # The carriage return of a record's line end is not counted.
        is_long = cut_off > max_bytes + 1
        self.is_broken = bool(bad.any()) or is_long or (is_last and cut_off > 0)

    def _outside(self, mask: Bools) -> Ints:
        """Places of a mask that lie outside of quotes."""
        places = np.flatnonzero(mask)
        if len(self._quotes):
            places = places[np.searchsorted(self._quotes, places) % 2 == 0]
        return places

    def _is_end(self, separators: Ints) -> Bools:
        is_end = separators >= len(self.data)
        inside = ~is_end
        is_end[inside] = self._bytes[separators[inside]] == _LINE_FEED
        return is_end

    @cached_property
    def _field_starts(self) -> Ints:
        return np.concatenate(([0], self._separators[:-1] + 1))

    @cached_property
    def _field_stops(self) -> Ints:
        stops = self._separators.copy()
        stops[self._last_field] = self._stops
        return stops

    @cached_property
    def _first_quotes(self) -> Ints:
        return np.searchsorted(self._quotes, self._field_starts)

    @cached_property
    def _quote_counts(self) -> Ints:
        return np.searchsorted(self._quotes, self._field_stops) - self._first_quotes

    @cached_property
    def _inner_quotes(self) -> tuple[Ints, Ints, Ints]:
        """The quotes between the outer ones of fields: field, place among its quotes, position."""
        fields = np.repeat(np.arange(len(self._quote_counts)), self._quote_counts)
        total = int(self._quote_counts.sum())
        places = np.arange(total) - np.repeat(
            np.cumsum(self._quote_counts) - self._quote_counts, self._quote_counts
        )
        quotes = self._quotes[np.repeat(self._first_quotes, self._quote_counts) + places]
        inner = (places > 0) & (places < self._quote_counts[fields] - 1)
        return fields[inner], places[inner], quotes[inner]

    def _broken_fields(self) -> Bools:
        quoted = np.flatnonzero(self._quote_counts)
        broken = np.zeros(len(self._separators), np.bool_)
        broken[quoted] = (self._bytes[self._field_starts[quoted]] != _QUOTE) | (
            self._bytes[self._field_stops[quoted] - 1] != _QUOTE
        )
        if (self._quote_counts > 2).any():
            fields, places, quotes = self._inner_quotes
            first = places % 2 == 1
            paired = self._bytes[np.minimum(quotes + 1, len(self.data) - 1)] == _QUOTE
            broken[fields[first & ~paired]] = True
        returns = self._outside(self._bytes == _RETURN)
        if len(returns):
            at = np.searchsorted(self._separators, returns)
            inside = at < len(self._separators)
            at, returns = at[inside], returns[inside]
            broken[at[returns < self._field_stops[at]]] = True
        return broken

    @property
    def line_count(self) -> int:
        """Lines that the whole records take."""
        return self.data.count(b"\n", 0, self.consumed)

    def block(self, field_count: int, line: int) -> CsvBlock:
        """The whole records."""
        starts, stops = self._starts[: self.count], self._stops[: self.count]
        lines = line + np.searchsorted(np.flatnonzero(self._bytes == _LINE_FEED), starts)
        counts = np.diff(self._last_field[: self.count], prepend=-1)
        faults = self._text_faults(starts, stops)
        for place in np.flatnonzero(counts != field_count).tolist():
            message = f"The line has {counts[place]} fields; the contract has {field_count}."
            faults.setdefault(place, Failure("parse", None, message))
        is_clean = np.ones(self.count, np.bool_)
        is_clean[list(faults)] = False
        first = self._last_field[: self.count][is_clean] - (field_count - 1)
        fields = self._fields()
        columns = [fields.take(pa.array(first + place)) for place in range(field_count)]
        return CsvBlock(self.data, starts, stops, lines, columns, faults)

    def _text_faults(self, starts: Ints, stops: Ints) -> dict[int, Failure]:
        faults: dict[int, Failure] = {}
        if (self._bytes[: self.consumed] == 0).any():
            nul = np.flatnonzero(self._bytes[: self.consumed] == 0)
            for place in np.unique(np.searchsorted(stops, nul, side="right")).tolist():
                faults[place] = Failure("parse", None, "The line holds the character NUL.")
        try:
            self.data[: self.consumed].decode()
        except UnicodeDecodeError:
            for place, (start, stop) in enumerate(zip(starts, stops, strict=True)):
                try:
                    self.data[start:stop].decode()
                except UnicodeDecodeError:
                    faults[place] = Failure("parse", None, "The line is not UTF-8.")
        return faults

    def _fields(self) -> pa.Array:
        """The fields of the whole records, one after the other, without quotes around them."""
        used = int(self._last_field[self.count - 1]) + 1
        counts = self._quote_counts[:used]
        lengths = (self._field_stops - self._field_starts)[:used]
        # Two outer quotes, and one of each inner pair, are not content.
        lengths = lengths - np.where(counts > 0, 2 + (counts - 2) // 2, 0)
        keep = np.ones(self.consumed, np.bool_)
        separators = self._separators[:used]
        keep[separators[separators < self.consumed]] = False
        ends = self._separators[self._last_field[: self.count]]
        keep[(ends - 1)[self._stops[: self.count] < ends]] = False
        quoted = np.flatnonzero(counts)
        keep[self._field_starts[quoted]] = False
        keep[self._field_stops[quoted] - 1] = False
        if (counts > 2).any():
            fields, places, quotes = self._inner_quotes
            keep[quotes[(places % 2 == 0) & (fields < used)]] = False
        offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
        content = self._bytes[: self.consumed][keep]
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
        return pa.Array.from_buffers(pa.binary(), used, buffers)
