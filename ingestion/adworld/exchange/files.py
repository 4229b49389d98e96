"""The exchanges' files of a day: which are dropped, with which records and which defects.

A file covers a few hours, as those of the ad server do, and there is one for each table. On top of
the files of its own hours a day brings: a file of yesterday once more, one under another name, a
new version of a file of each table with more records, one that is cut off or has a bad block, one
whose schema has changed, yesterday's broken ones again, whole, under a new name, and files whose
schema has a field that no contract knows.

The rules of the ad server's files hold here too (see `ingestion.adworld.files`). Records that are
held back (see `auctions`) are in a file of a later day and in no other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ingestion.adworld.config import DAY_US, WorldConfig, rng
from ingestion.adworld.exchange.auctions import (
    HELD_SLOT,
    LATE_SLOTS,
    MOST_DAYS_LATE,
    Auctions,
    auctions_of,
)
from ingestion.adworld.exchange.hostile import HostileRecord, hostile_records
from ingestion.adworld.exchange.wire import (
    EXTRA_FIELDS,
    RETYPED_FIELD,
    SOURCE,
    avro_file,
    cut_off,
    records_of,
    schema_of,
    with_bad_block,
)
from ingestion.adworld.files import file_of_hour
from ingestion.adworld.frames import Frame, Small
from ingestion.adworld.ledger import Fate, LedgerPart
from ingestion.adworld.program import F, sample, spread
from ingestion.adworld.traffic import ADDED, LATE, OLD, shifted

AuctionTable = Literal["bid_requests", "bids", "wins", "billing_notices"]
Flavour = Literal[
    "whole", "again", "copy", "version", "extra", "cut off", "bad block", "retyped", "resent"
]

AUCTION_TABLES: tuple[AuctionTable, ...] = ("bid_requests", "bids", "wins", "billing_notices")
_PARTS = {
    "bid_requests": ("requests", "requests_late"),
    "bids": ("bids", "bids_late"),
    "wins": ("wins", "wins_late"),
    "billing_notices": ("notices", "notices_late"),
}

FATES: dict[Flavour, Fate] = {
    "again": "repeated",
    "copy": "repeated",
    "cut off": "failed",
    "bad block": "failed",
    "retyped": "failed",
}
"""What becomes of files of a flavour; the others are loaded."""

EXTRA_HOUR = 19
AGAIN_HOUR = 3
VERSION_HOUR = 9
COPY_HOUR = 12
BAD_BLOCK_HOUR = 6
CUT_OFF_HOUR = 13
RETYPED_HOUR = 20
CONFLICT_HOUR = 18

_SLOT_HOURS = {LATE[0]: 2, LATE[1]: 8, LATE[2]: 14, OLD: 16}
"""Hours of the files that bring the auctions of old impressions."""


@dataclass(frozen=True)
class AuctionDrop:
    """One file that is dropped; see `ingestion.adworld.files.Drop`."""

    day: int
    table: AuctionTable
    of_day: int
    hour: int
    flavour: Flavour

    @property
    def source_table(self) -> str:
        """The table as the key names it."""
        return f"{SOURCE}.{self.table}"

    @property
    def fate(self) -> Fate:
        """What becomes of it."""
        return FATES.get(self.flavour, "loaded")

    def name(self, config: WorldConfig) -> str:
        """The file's name."""
        suffix = {"copy": "-copy", "resent": "-r1"}.get(self.flavour, "")
        day = config.date_of(self.of_day).isoformat()
        return f"{self.table}-{day}T{self.hour:02d}{suffix}.avro"


@dataclass(frozen=True)
class AuctionRows:
    """What a file holds: good records, and hostile ones with their numbers."""

    frame: Frame
    hostile: list[tuple[HostileRecord, int]]

    def __bool__(self) -> bool:
        return bool(len(self.frame) or self.hostile)


def broken(day: int) -> dict[tuple[AuctionTable, int], Flavour]:
    """Which files of a day cannot be loaded, by table and hour."""
    if day % 2:
        return {("bids", BAD_BLOCK_HOUR): "bad block", ("wins", RETYPED_HOUR): "retyped"}
    return {("bid_requests", CUT_OFF_HOUR): "cut off", ("bids", BAD_BLOCK_HOUR): "bad block"}


def drops_of(config: WorldConfig, day: int) -> Iterator[AuctionDrop]:
    """The files of a day in the order in which they are dropped."""
    if day > 1:
        again, version = (file_of_hour(config, hour) for hour in (AGAIN_HOUR, VERSION_HOUR))
        yield AuctionDrop(day, "bid_requests", day - 1, again, "again")
        for table in AUCTION_TABLES:
            yield AuctionDrop(day, table, day - 1, version, "version")
        for table, hour in broken(day - 1):
            yield AuctionDrop(day, table, day - 1, file_of_hour(config, hour), "resent")
    special: dict[tuple[str, int], Flavour] = {
        (table, file_of_hour(config, hour)): flavour
        for (table, hour), flavour in broken(day).items()
    }
    for table_name in EXTRA_FIELDS:
        special[table_name, file_of_hour(config, EXTRA_HOUR)] = "extra"
    for hour in range(0, 24, config.file_hours):
        for table in AUCTION_TABLES:
            yield AuctionDrop(day, table, day, hour, special.get((table, hour), "whole"))
            if table == "wins" and hour == file_of_hour(config, COPY_HOUR):
                yield AuctionDrop(day, table, day, hour, "copy")


def names_of(config: WorldConfig, day: int) -> Iterator[str]:
    """Names of the files of a day, those without rows included, each with its folder."""
    return (f"{SOURCE}/{drop.name(config)}" for drop in drops_of(config, day))


def files_of(config: WorldConfig, day: int, ledger: LedgerPart) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files of a day that have rows, each noted in the ledger."""
    for drop in drops_of(config, day):
        rows = rows_of(config, drop)
        if rows:
            yield f"{SOURCE}/{drop.name(config)}", content_of(config, drop, rows)
            replaces = supersedes(config, drop)
            ledger.add_file(drop.source_table, drop.fate, rows, supersedes=replaces)


def rows_of(config: WorldConfig, drop: AuctionDrop) -> AuctionRows:
    """The records of a file."""
    frames = list(_frames(config, drop))
    frame = type(frames[0]).join(frames)
    if drop.flavour == "extra":
        frame = frame.but(drift=np.ones(len(frame), np.int32))
    slots = config.days * 24 // config.file_hours
    slot = ((drop.of_day - 1) * 24 + drop.hour) // config.file_hours
    return AuctionRows(frame, spread(config, hostile_records(drop.source_table), slot, slots))


def supersedes(config: WorldConfig, drop: AuctionDrop) -> bool:
    """Whether a file stands in the place of one that was sent before under its name."""
    first = AuctionDrop(drop.of_day, drop.table, drop.of_day, drop.hour, "whole")
    return drop.flavour == "version" and bool(rows_of(config, first))


def content_of(config: WorldConfig, drop: AuctionDrop, rows: AuctionRows) -> bytes:
    """The bytes of a file, with what is wrong with it."""
    records = records_of(config, rows.frame)
    places = sorted(((n * 13 % (len(records) + 1)), n, case) for case, n in rows.hostile)
    for place, n, case in reversed(places):
        records.insert(place, case.build(n))
    retyped = drop.flavour == "retyped"
    if retyped:
        records = [{**record, RETYPED_FIELD: str(record[RETYPED_FIELD])} for record in records]
    schema = schema_of(drop.table, extra=drop.flavour == "extra", retyped=retyped)
    marked = replace(drop, flavour="whole") if drop.flavour == "copy" else drop
    content = avro_file(drop.table, schema, records, marked.name(config))
    if drop.flavour == "cut off":
        return cut_off(content)
    return with_bad_block(content) if drop.flavour == "bad block" else content


def _frames(config: WorldConfig, drop: AuctionDrop) -> Iterator[Frame]:
    """Records of the file's hours, of old auctions, held back before, resent, and conflicting."""
    day, first = drop.of_day, drop.hour
    hours = range(first, first + config.file_hours)
    draw = rng(config, 13, day, first, AUCTION_TABLES.index(drop.table))

    def part(day: int, slot: int) -> tuple[Frame, Small]:
        return _part(auctions_of(config, day, slot), drop.table)

    def in_time(day: int, slot: int) -> Frame:
        frame, late = part(day, slot)
        own = frame.take(late == 0)
        return own.take(np.argsort(own.ts, kind="stable"))

    for hour in hours:
        yield in_time(day, hour)
    for slot, hour in _SLOT_HOURS.items():
        if hour in hours:
            yield in_time(day, slot)
    for slot, most in _late_slots(drop.table):
        for days in range(1, most + 1):
            if slot in hours and day > days:
                frame, late = part(day - days, slot)
                yield frame.take(late == days)
    if first:
        yield sample(draw, in_time(day, first - 1), 1, 0.01)
    if day > 1 and first == file_of_hour(config, CONFLICT_HOUR):
        yield _conflicting(config, draw, in_time(day - 1, 0), day - 1)
    if drop.flavour == "version":
        yield in_time(drop.day, ADDED)


def _late_slots(table: AuctionTable) -> list[tuple[int, int]]:
    """Slots whose records come late, and by how many days at most."""
    if table == "billing_notices":
        return [(slot, MOST_DAYS_LATE) for slot in LATE_SLOTS]
    return [(HELD_SLOT, 1)]


def _part(auctions: Auctions, table: AuctionTable) -> tuple[Frame, Small]:
    rows, late = _PARTS[table]
    return getattr(auctions, rows), getattr(auctions, late)


def _conflicting(config: WorldConfig, draw: np.random.Generator, frame: F, day: int) -> F:
    """A few records of the first hour of a day, moved to the other side of its midnight."""
    midnight = config.day_start_us(day)
    inside = (frame.ts >= midnight) & (frame.ts < midnight + DAY_US)
    few = sample(draw, frame.take(inside), 3, 0.004)
    return few.but(ts=shifted(few.ts, midnight))
