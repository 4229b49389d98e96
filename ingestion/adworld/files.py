"""The ad server's files of a day: which are dropped, with which rows and which defects.

A file covers a few hours (see `WorldConfig.file_hours`) and is named after the first. On top of
the files of its own hours a day brings: a file of yesterday that is late, a file of yesterday
once more, one under another name, a new version of one with more rows, one that is cut off, one
whose header has changed, and yesterday's broken ones again, whole, under a new name.

Rules that keep the numbers unambiguous:

- A new version of a file holds all rows of the old one, unchanged, and more: the rows that both
  hold are loaded twice and are duplicates.
- A name is never used twice on one day, and no two files have the same content by chance: a file
  without rows is not sent.
- A file that cannot be read counts as failed and none of its rows counts anywhere; what comes
  again comes under another name.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ingestion.adworld import wire
from ingestion.adworld.config import DAY_US, SECOND_US, WorldConfig, rng
from ingestion.adworld.frames import Clicks, Conversions, Frame, Impressions
from ingestion.adworld.hostile import (
    CLICKS,
    CONVERSIONS,
    IMPRESSIONS,
    HostileCase,
    hostile_cases,
)
from ingestion.adworld.ids import IdKind, numbers
from ingestion.adworld.ledger import Fate, LedgerPart
from ingestion.adworld.program import F, sample, spread
from ingestion.adworld.suspects import HOUR as SUSPECT_HOUR
from ingestion.adworld.suspects import suspected_of
from ingestion.adworld.traffic import ADDED, as_in_file, batch_of, conversions_of, shifted
from ingestion.contracts import load_contract

SOURCE = "adserver"

FileTable = Literal["impressions", "clicks", "conversions"]
Flavour = Literal["whole", "again", "copy", "version", "cut off", "changed header", "resent"]

FILE_TABLES: tuple[FileTable, ...] = ("impressions", "clicks", "conversions")
TABLE_NAMES = {"impressions": IMPRESSIONS, "clicks": CLICKS, "conversions": CONVERSIONS}
FATES: dict[Flavour, Fate] = {
    "again": "repeated",
    "copy": "repeated",
    "cut off": "failed",
    "changed header": "failed",
}
"""What becomes of files of a flavour; the others are loaded."""

LATE_HOUR = 22
AGAIN_HOUR = 3
VERSION_HOUR = 9
COPY_HOUR = 12
CUT_OFF_HOUR = 6
HEADER_HOUR = 16
CONFLICT_HOUR = 18


@dataclass(frozen=True)
class Drop:
    """One file that is dropped.

    Attributes:
        day: Day on which it is dropped.
        table: What it holds.
        of_day: Day of its rows.
        hour: First hour of its rows.
        flavour: What is special about it.
    """

    day: int
    table: FileTable
    of_day: int
    hour: int
    flavour: Flavour

    @property
    def source_table(self) -> str:
        """The table as the key names it."""
        return TABLE_NAMES[self.table]

    @property
    def fate(self) -> Fate:
        """What becomes of it."""
        return FATES.get(self.flavour, "loaded")

    def name(self, config: WorldConfig) -> str:
        """The file's name."""
        suffix = {"copy": "-copy", "resent": "-r1"}.get(self.flavour, "")
        ending = "jsonl.gz" if self.table == "impressions" else "csv"
        day = config.date_of(self.of_day).isoformat()
        return f"{self.table}-{day}T{self.hour:02d}{suffix}.{ending}"


def file_of_hour(config: WorldConfig, hour: int) -> int:
    """First hour of the file that covers an hour."""
    return hour - hour % config.file_hours


def drops_of(config: WorldConfig, day: int) -> Iterator[Drop]:
    """The files of a day in the order in which they are dropped."""
    late, again, version, copy, cut_off, header = (
        file_of_hour(config, hour)
        for hour in (LATE_HOUR, AGAIN_HOUR, VERSION_HOUR, COPY_HOUR, CUT_OFF_HOUR, HEADER_HOUR)
    )
    if day > 1:
        yield Drop(day, "impressions", day - 1, late, "whole")
        yield Drop(day, "impressions", day - 1, again, "again")
        yield Drop(day, "impressions", day - 1, version, "version")
        yield Drop(day, "clicks", day - 1, version, "version")
        if is_cut_off(day - 1):
            yield Drop(day, "impressions", day - 1, cut_off, "resent")
        else:
            yield Drop(day, "clicks", day - 1, header, "resent")
    for hour in range(0, 24, config.file_hours):
        for table in FILE_TABLES:
            flavour: Flavour = "whole"
            if table == "impressions" and hour == late:
                continue
            if table == "impressions" and hour == cut_off and is_cut_off(day):
                flavour = "cut off"
            if table == "clicks" and hour == header and not is_cut_off(day):
                flavour = "changed header"
            yield Drop(day, table, day, hour, flavour)
            if table == "conversions" and hour == copy:
                yield Drop(day, table, day, hour, "copy")


def is_cut_off(day: int) -> bool:
    """On odd days a file of impressions is cut off, on even ones a header of clicks changes."""
    return day % 2 == 1


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


@dataclass(frozen=True)
class FileRows:
    """What a file holds: good rows, and hostile ones with the row that each stands before."""

    frame: Frame
    hostile: list[tuple[HostileCase, int]]

    def __bool__(self) -> bool:
        return bool(len(self.frame) or self.hostile)


def rows_of(config: WorldConfig, drop: Drop) -> FileRows:
    """The rows of a file."""
    makers = {
        "impressions": _impressions,
        "clicks": _clicks,
        "conversions": _conversions,
    }
    frames = makers[drop.table](config, drop.of_day, drop.hour)
    if drop.flavour == "version":
        frames += _added(config, drop)
    slots = config.days * 24 // config.file_hours
    slot = ((drop.of_day - 1) * 24 + drop.hour) // config.file_hours
    hostile = spread(config, hostile_cases(drop.source_table), slot, slots)
    return FileRows(type(frames[0]).join(frames), hostile)


def supersedes(config: WorldConfig, drop: Drop) -> bool:
    """Whether a file stands in the place of one that was sent before under its name."""
    first = Drop(drop.of_day, drop.table, drop.of_day, drop.hour, "whole")
    return drop.flavour == "version" and bool(rows_of(config, first))


def _by_time(frame: F) -> F:
    return frame.take(np.argsort(frame.ts, kind="stable"))


def _hours(config: WorldConfig, hour: int) -> range:
    return range(hour, hour + config.file_hours)


def _reported(config: WorldConfig, day: int, hours: range) -> Impressions:
    """Impressions as the files of some hours report them."""
    batches = [batch_of(config, day, hour) for hour in hours]
    return _by_time(as_in_file(Impressions.join([b.impressions.take(b.in_file) for b in batches])))


def _reported_clicks(config: WorldConfig, day: int, hours: range) -> Clicks:
    batches = [batch_of(config, day, hour) for hour in hours]
    return _by_time(Clicks.join([b.clicks.take(b.clicks_in_file) for b in batches]))


def _extra(
    config: WorldConfig, frame: F, before: F | None, at_midnight: F | None, *place: int
) -> list[F]:
    """The rows of a file, some of the hour before again, and ids with another timestamp.

    A file without rows of its own repeats none: it might be the file before it to the byte, and
    content that is there twice is loaded once.

    Args:
        config: The world.
        frame: The file's own rows.
        before: Rows of the hour before, of which some are sent again.
        at_midnight: Rows of yesterday's first hour, of which some come again with a timestamp on
            the other side of midnight.
        place: Day and hour of the file.
    """
    draw = rng(config, 12, *place)
    frames = [frame]
    if before is not None and len(frame):
        frames.append(sample(draw, before, 1, 0.01))
    if at_midnight is not None:
        midnight = config.day_start_us(place[0] - 1)
        inside = (at_midnight.ts >= midnight) & (at_midnight.ts < midnight + DAY_US)
        few = sample(draw, at_midnight.take(inside), 3, 0.004)
        frames.append(few.but(ts=shifted(few.ts, midnight)))
    return frames


def _impressions(config: WorldConfig, day: int, hour: int) -> list[Frame]:
    own = _reported(config, day, _hours(config, hour))
    before = _reported(config, day, range(hour - 1, hour)) if hour else None
    midnight = _has_conflicts(config, day, hour)
    old = _reported(config, day - 1, range(1)) if midnight else None
    return [*_extra(config, own, before, old, day, hour)]


def _clicks(config: WorldConfig, day: int, hour: int) -> list[Frame]:
    own = _reported_clicks(config, day, _hours(config, hour))
    before = _reported_clicks(config, day, range(hour - 1, hour)) if hour else None
    midnight = _has_conflicts(config, day, hour)
    old = _reported_clicks(config, day - 1, range(1)) if midnight else None
    return [*_extra(config, own, before, old, day, hour)]


def _conversions(config: WorldConfig, day: int, hour: int) -> list[Frame]:
    hours = _hours(config, hour)
    converted = [conversions_of(config, day, h) for h in hours]
    if SUSPECT_HOUR in hours:
        converted.append(suspected_of(config, day).conversions)
    own = _by_time(Conversions.join(converted))
    before = conversions_of(config, day, hour - 1) if hour else None
    midnight = _has_conflicts(config, day, hour)
    old = conversions_of(config, day - 1, 0) if midnight else None
    return [*_extra(config, own, before, old, day, hour)]


def _has_conflicts(config: WorldConfig, day: int, hour: int) -> bool:
    return day > 1 and hour == file_of_hour(config, CONFLICT_HOUR)


def _added(config: WorldConfig, drop: Drop) -> list[Frame]:
    """Rows that only the new version of a file has."""
    batch = batch_of(config, drop.day, ADDED)
    if drop.table == "impressions":
        return [as_in_file(batch.impressions)]
    # Clicks of those impressions, and for certain a few, a minute after they rendered.
    sure = batch.impressions.take(np.arange(min(3, len(batch.impressions))))
    advertisers = np.zeros(len(sure), np.int32)
    return [
        batch.clicks,
        Clicks(
            number=numbers(IdKind.LATE_CLICK, drop.day, ADDED, len(sure)),
            ts=sure.ts + 60 * SECOND_US,
            written=np.zeros(len(sure), np.int32),
            drift=np.zeros(len(sure), np.int32),
            impression=sure.number,
            person=sure.person,
            phone=sure.phone,
            personal=sure.personal,
            agent=sure.agent,
            advertiser=advertisers,
        ),
    ]


def content_of(config: WorldConfig, drop: Drop, rows: FileRows) -> bytes:
    """The bytes of a file, with what is wrong with it."""
    frame = rows.frame
    if isinstance(frame, Impressions):
        lines = wire.impression_lines(config, frame)
    elif isinstance(frame, Clicks):
        lines = wire.click_lines(config, frame)
    elif isinstance(frame, Conversions):
        lines = wire.conversion_lines(config, frame)
    else:
        raise TypeError(type(frame).__name__)
    # From the end, so that the places of the earlier ones stay right.
    places = sorted(((n * 13 % (len(lines) + 1)), n, case) for case, n in rows.hostile)
    for place, n, case in reversed(places):
        record = case.build(n)
        if record is None:
            raise ValueError(f"{case.name} has no place in a file")
        lines.insert(place, record)
    if drop.table == "impressions":
        content = gzip.compress(b"\n".join(lines) + b"\n", compresslevel=3, mtime=0)
        return content[: len(content) * 2 // 3] if drop.flavour == "cut off" else content
    header = [field.name for field in load_contract("adserver", drop.table).fields]
    if drop.flavour == "changed header":
        header = [*header[:-1], "landing_page"]
    return b"\n".join([",".join(header).encode(), *lines]) + b"\n"
