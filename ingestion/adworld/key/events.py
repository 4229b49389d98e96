"""What is one event: keys, duplicates, conflicts, precedence, the classes of clicks.

- An event that arrives several times is one event; its key decides.
- Within one table the row that loaded first wins. A later row of the same key with the same
  timestamp is a duplicate, with another timestamp an id conflict; neither counts.
- Between stream and file the stream wins, whatever came first.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ingestion.adworld.config import DAY_US, SECOND_US
from ingestion.adworld.frames import Flags, Ints
from ingestion.adworld.ids import mix
from ingestion.adworld.ledger import Rows

MAX_CLICK_AGE_US = 30 * DAY_US
CLICK_REPEAT_US = 2 * SECOND_US


class ClickClass(IntEnum):
    """Classes of clicks in the order of their precedence."""

    ORPHAN = 0
    INVALID = 1
    REPEAT = 2
    NET = 3


@dataclass(frozen=True)
class Distinct:
    """The events of one table.

    Attributes:
        first: Positions of the rows that count, by key.
        loaded: All rows.
        duplicates: Rows that say again what was known.
        conflicts: Rows that say it with another timestamp.
    """

    first: Ints
    loaded: int
    duplicates: int
    conflicts: int

    @property
    def distinct(self) -> int:
        """Number of different keys."""
        return len(self.first)


def distinct(keys: Ints, ts: Ints) -> Distinct:
    """Which rows count, given all rows in load order."""
    _, first, of_row = np.unique(keys, return_index=True, return_inverse=True)
    conflicts = int(np.count_nonzero(ts != ts[first][of_row]))
    return Distinct(first, len(keys), len(keys) - len(first) - conflicts, conflicts)


def distinct_by(rows: Rows, column: str) -> Distinct:
    """The same where a key is a number and one column more."""
    # Bits 34 to 39 of a number are free: no slot has 17 thousand million events.
    return distinct(rows["number"] | (rows[column].astype(np.int64) << 34), rows["ts"])


def first_loaded(rows: Rows) -> Rows:
    """One row a key, the one that loaded first."""
    first = distinct(rows["number"], rows["ts"]).first
    return {column: values[first] for column, values in rows.items()}


def with_precedence(stream: Rows, files: Rows) -> Rows:
    """One row a key over both sources: the stream's if it has one, else the file's."""
    ahead, behind = first_loaded(stream), first_loaded(files)
    both = {column: np.concatenate([ahead[column], behind[column]]) for column in ahead}
    # The first of a key is the stream's, because the stream's rows stand first.
    _, first = np.unique(both["number"], return_index=True)
    return {column: values[first] for column, values in both.items()}


def positions(wanted: Ints, sorted_keys: Ints) -> tuple[Ints, Flags]:
    """Where each wanted key stands in sorted keys, and whether it is there at all."""
    if not len(sorted_keys):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    place = np.searchsorted(sorted_keys, wanted).clip(0, len(sorted_keys) - 1)
    return place, sorted_keys[place] == wanted


def parents_of(clicks: Rows, impressions: Rows) -> Ints:
    """The position of every click's impression; -1 for orphans.

    Orphan: no impression of that id with 0 <= click - impression <= 30 days.

    Args:
        clicks: Distinct clicks.
        impressions: Distinct impressions, ordered by number.
    """
    place, found = positions(clicks["impression"], impressions["number"])
    age = clicks["ts"] - (impressions["ts"][place] if len(impressions["ts"]) else 0)
    return np.where(found & (age >= 0) & (age <= MAX_CLICK_AGE_US), place, -1)


def click_classes(clicks: Rows, parents: Ints, invalid: Flags, seed: int) -> Ints:
    """The class of every click.

    Orphan: without an impression. Invalid: not an orphan, and with a verdict. Repeat: neither, and
    at most 2 seconds after the click before it on the same impression id, whatever that click's
    class; clicks stand in the order of their timestamps, then of their ids. Net: all others.

    Args:
        clicks: Distinct clicks.
        parents: Positions of their impressions; -1 for orphans.
        invalid: Which have a verdict of their own, or their impression has one.
        seed: Seed of the world, which makes the texts of ids.
    """
    # The texts of ids sort as their mixed numbers do.
    order = np.lexsort((mix(clicks["number"], seed), clicks["ts"], clicks["impression"]))
    same = clicks["impression"][order][1:] == clicks["impression"][order][:-1]
    wait = clicks["ts"][order][1:] - clicks["ts"][order][:-1]
    soon = np.zeros(len(order), np.bool_)
    soon[order[1:]] = same & (wait <= CLICK_REPEAT_US)

    classes = np.where(soon, ClickClass.REPEAT, ClickClass.NET)
    classes = np.where(invalid, ClickClass.INVALID, classes)
    return np.where(parents < 0, ClickClass.ORPHAN, classes).astype(np.int64)
