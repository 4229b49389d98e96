"""Sums by dimension: one code an event and dimension, one text a code."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from ingestion.adworld.config import DAY_US, HOUR_US
from ingestion.adworld.frames import Ints

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Dimension:
    """One dimension of some events.

    Attributes:
        codes: A code for every event; negative where the event has no value. Such events are
            left out of every grain that has this dimension.
        label: The text of a code.
    """

    codes: Ints
    label: Callable[[int], str]

    def take(self, rows: Ints) -> "Dimension":
        """The dimension of some of the events."""
        return Dimension(self.codes[rows], self.label)


Dimensions = Mapping[str, Dimension]


def date_text(days: int) -> str:
    """ISO text of a number of days since 1970."""
    return (_EPOCH + timedelta(days=days)).isoformat()


def by_date(ts: Ints) -> Dimension:
    """The UTC date of moments."""
    return Dimension(ts // DAY_US, date_text)


def by_hour(ts: Ints) -> Dimension:
    """The UTC hour (0 to 23) of moments."""
    return Dimension(ts % DAY_US // HOUR_US, str)


def by_month(ts: Ints) -> Dimension:
    """The first date of the UTC calendar month of moments."""
    months = ts.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    return Dimension(months, lambda code: f"{1970 + code // 12:04d}-{code % 12 + 1:02d}-01")


def by_list(codes: Ints, texts: tuple[str, ...] | list[str]) -> Dimension:
    """Positions in a list of texts."""
    return Dimension(codes.astype(np.int64), lambda code: texts[code])


Group = tuple[tuple[str, str], ...]
"""Dimension names and texts."""


def sums(
    dimensions: Dimensions, grain: tuple[str, ...], values: Ints | None = None
) -> Iterator[tuple[Group, int]]:
    """Sum of exact integers for every group of a grain; the number of events without values."""
    count = len(next(iter(dimensions.values())).codes)
    present = np.ones(count, np.bool_)
    for name in grain:
        present &= dimensions[name].codes >= 0
    rows = np.flatnonzero(present)
    combined = np.zeros(len(rows), np.int64)
    known: list[Ints] = []
    for name in grain:
        codes, place = np.unique(dimensions[name].codes[rows], return_inverse=True)
        known.append(codes)
        combined = combined * max(1, len(codes)) + place
    groups, of_row = np.unique(combined, return_inverse=True)
    totals = np.zeros(len(groups), np.int64)
    np.add.at(totals, of_row, 1 if values is None else values[rows])
    for group, total in zip(groups.tolist(), totals.tolist(), strict=True):
        texts: list[tuple[str, str]] = []
        rest = group
        for name, codes in zip(reversed(grain), reversed(known), strict=True):
            rest, place = divmod(rest, len(codes))
            texts.append((name, dimensions[name].label(int(codes[place]))))
        yield tuple(reversed(texts)), total
