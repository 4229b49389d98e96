"""The program of a day: which events each source delivers, in which order, with which defects.

Rules that keep the numbers unambiguous:

- Two rows of one key in one Kafka topic have the same partition, and the later offset is the one
  that is later here; in files, the later row is on a later line, or in a file of a later day.
- Rows of one key differ only in their timestamp (an id conflict, at most one calendar day away)
  or in fields, between stream and file or, for ids that are used twice, in the stream; never in
  both.
- Resends are the same bytes again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import numpy as np

from ingestion.adworld import wire
from ingestion.adworld.config import DAY_US, HOUR_US, SECOND_US, WorldConfig, rng
from ingestion.adworld.frames import (
    NONE,
    Actions,
    Clicks,
    Flags,
    Frame,
    Impressions,
    Ints,
    Small,
    Videos,
    Views,
)
from ingestion.adworld.hostile import AD_EVENTS, USER_EVENTS, HostileCase, Reason, hostile_cases
from ingestion.adworld.ids import IdKind, hex_texts, mix, numbers
from ingestion.adworld.suspects import HOUR as SUSPECT_HOUR
from ingestion.adworld.suspects import TURNING_HOUR, suspected_of
from ingestion.adworld.traffic import (
    FILE_FIRST_HOUR,
    HELD_HOUR,
    LATE,
    OLD,
    Batch,
    actions_of,
    batch_of,
    capped_of,
    paused_of,
    people_of,
    shifted,
    videos_of,
    views_of,
)

Header = list[tuple[str, bytes]] | None
Message = tuple[str, int, bytes, bytes | None, Header]
"""Topic, partition, key, value (None: a tombstone), headers."""

TOPICS = ("ad-events", "user-events")
TABLE_OF_TOPIC = {"ad-events": AD_EVENTS, "user-events": USER_EVENTS}

IN_BETWEEN_HOURS = range(16, 20)
"""Hours of yesterday whose clicks get one before them today."""

PLANTED_HOUR = 19

F = TypeVar("F", bound=Frame)


class Case(Protocol):
    """A way to be wrong."""

    @property
    def name(self) -> str:
        """What is wrong."""

    @property
    def reason(self) -> Reason:
        """The class it must fail with."""


C = TypeVar("C", bound=Case)


@dataclass(frozen=True)
class Segment:
    """Events of one kind with the moment at which each is sent."""

    frame: Frame
    arrival: Ints


@dataclass(frozen=True)
class Hour:
    """What the topics get in one hour.

    Attributes:
        day: Day of the world.
        hour: Hour of the day.
        frames: The good events by kind, in the order in which they are sent.
        hostile: The records that break their contract.
        messages: Makes the messages of one topic, in the order in which they are sent.
    """

    day: int
    hour: int
    frames: dict[str, Frame]
    hostile: list[tuple[HostileCase, int]]
    messages: Callable[[str], list[Message]]


def hours_of(config: WorldConfig, day: int) -> Iterator[Hour]:
    """The stream of a day, hour by hour."""
    for hour in range(24):
        yield hour_of(config, day, hour)


def hour_of(config: WorldConfig, day: int, hour: int) -> Hour:
    """The stream of one hour."""
    draw = rng(config, 10, day, hour)
    program = _Program(config, day, hour, draw)
    segments = {"ad-events": program.ad_events(), "user-events": program.user_events()}
    hostile = _hostile(config, day, hour)
    frames: dict[str, Frame] = {}
    for topic_segments in segments.values():
        for kind in {type(segment.frame) for segment in topic_segments}:
            frames[kind.__name__] = _in_order(
                [segment for segment in topic_segments if type(segment.frame) is kind]
            )
    return Hour(
        day, hour, frames, hostile, partial(_messages, config, segments, hostile, program.start)
    )


def _in_order(segments: list[Segment]) -> Frame:
    kind = type(segments[0].frame)
    joined = kind.join([segment.frame for segment in segments])
    return joined.take(np.argsort(_arrivals(segments), kind="stable"))


def _arrivals(segments: list[Segment]) -> Ints:
    return np.concatenate([segment.arrival for segment in segments])


def sample(draw: np.random.Generator, frame: F, least: int, share: float) -> F:
    """A sample of rows in their order: a share of them, at least some."""
    count = min(len(frame), max(least, int(len(frame) * share)))
    return frame.take(np.sort(draw.permutation(len(frame))[:count]))


class _Program:
    """Puts together what one hour sends."""

    def __init__(self, config: WorldConfig, day: int, hour: int, draw: np.random.Generator) -> None:
        self.config = config
        self.day = day
        self.hour = hour
        self.draw = draw
        self.start = config.day_start_us(day) + hour * HOUR_US

    def sent(self, frame: Frame) -> Segment:
        """Sent when it happened, give or take; a few are out of order by up to 50 minutes."""
        count = len(frame)
        arrival = np.clip(frame.ts, self.start, self.start + HOUR_US - 1)
        arrival = arrival + (self.draw.exponential(2.0, count) * SECOND_US).astype(np.int64)
        straggler = self.draw.random(count) < 0.01
        wait = self.draw.integers(0, 3_000, count) * SECOND_US
        return Segment(frame, np.where(straggler, arrival + wait, arrival))

    def sent_again(self, segment: Segment, share: float) -> Segment:
        """Some of the same events once more, later in the hour: the same bytes, a new offset."""
        rows = np.flatnonzero(self.draw.random(len(segment.frame)) < share)
        wait = self.draw.integers(30, 900, len(rows)) * SECOND_US
        return Segment(segment.frame.take(rows), segment.arrival[rows] + wait)

    def later(self, frame: Frame) -> Segment:
        """Sent at some time of this hour, after the events of this hour with the same key."""
        count = len(frame)
        return Segment(frame, self.start + 2 * HOUR_US + self.draw.integers(0, HOUR_US, count))

    def some(self, frame: F, least: int, share: float) -> F:
        """A sample of rows: a share of them, at least some."""
        return sample(self.draw, frame, least, share)

    def batch(self, days_back: int, slot: int) -> Batch | None:
        """What was born in a slot of this day or a day before; None before the world began."""
        day = self.day - days_back
        return batch_of(self.config, day, slot) if day >= 1 else None

    def of_batch(self, day: int, slot: int, impressions: Impressions) -> list[Frame]:
        """Viewability and video events of impressions."""
        return [
            views_of(self.config, day, slot, impressions),
            videos_of(self.config, day, slot, impressions),
        ]

    def ad_events(self) -> list[Segment]:
        batch = batch_of(self.config, self.day, self.hour)
        reported = batch.impressions.take(batch.in_stream)
        sent = [
            self.sent(frame)
            for frame in (
                reported,
                batch.clicks.take(batch.clicks_in_stream),
                *self.of_batch(self.day, self.hour, reported),
            )
        ]
        segments = [*sent, *(self.sent_again(segment, 0.01) for segment in sent)]
        segments += [self.later(frame) for frame in self.late()]
        segments += [self.later(frame) for frame in self.held()]
        segments += [self.later(frame) for frame in self.resent()]
        segments += [self.later(frame) for frame in self.conflicting()]
        segments += [self.later(frame) for frame in self.clicks_in_between()]
        if self.hour == PLANTED_HOUR:
            segments.append(self.planted(capped_of(self.config, self.day), 32))
        segments += [
            self.planted(frame, 22 + place) for place, frame in enumerate(self.suspected())
        ]
        return [segment for segment in segments if len(segment.frame)]

    def late(self) -> list[Frame]:
        """Events that come an hour to 400 days late, and new clicks on old impressions."""
        slot = {2: LATE[0], 8: LATE[1], 14: LATE[2], 16: OLD}.get(self.hour)
        if slot is None:
            return []
        batch = batch_of(self.config, self.day, slot)
        views = views_of(self.config, self.day, slot, batch.impressions)
        return [batch.impressions, batch.clicks, views]

    def held(self) -> list[Frame]:
        """Impressions of yesterday: after their clicks, or after their line in a file."""
        slot = {9: HELD_HOUR, 10: FILE_FIRST_HOUR}.get(self.hour)
        batch = self.batch(1, slot) if slot is not None else None
        return [] if batch is None else [batch.impressions.take(batch.held)]

    def resent(self) -> list[Frame]:
        """Events of yesterday once more."""
        batch = self.batch(1, 15) if self.hour == 3 else None
        if batch is None:
            return []
        impressions = batch.impressions.take(batch.in_stream)
        views, videos = self.of_batch(self.day - 1, 15, impressions)
        clicks = batch.clicks.take(batch.clicks_in_stream)
        return [
            self.some(impressions, 4, 0.02),
            self.some(clicks, 2, 0.02),
            self.some(views, 3, 0.02),
            self.some(videos, 2, 0.02),
        ]

    def conflicting(self) -> list[Frame]:
        """Ids once more with another timestamp, on the other side of a midnight or not."""
        frames: list[Frame] = []
        if self.hour == 1:
            midnight = self.start - HOUR_US
            for days_back, slot in ((1, 23), (0, 0)):
                batch = self.batch(days_back, slot)
                if batch is None:
                    continue
                impressions = batch.impressions.take(batch.in_stream)
                clicks = batch.clicks.take(batch.clicks_in_stream)
                views = views_of(self.config, self.day - days_back, slot, impressions)
                frames += [
                    self.mirrored(frame, midnight, slot) for frame in (impressions, clicks, views)
                ]
        if self.hour == 5:
            batch = batch_of(self.config, self.day, 4)
            impressions = self.some(batch.impressions.take(batch.in_stream), 2, 0.002)
            frames.append(impressions.but(ts=impressions.ts + 300 * SECOND_US))
        return frames

    def mirrored(self, frame: F, midnight: int, slot: int) -> F:
        """A few events near a midnight, moved to its other side."""
        first = midnight - DAY_US if slot == 23 else midnight
        same_date = frame.take((frame.ts >= first) & (frame.ts < first + DAY_US))
        few = self.some(same_date, 3, 0.004)
        return few.but(ts=shifted(few.ts, midnight))

    def clicks_in_between(self) -> list[Frame]:
        """Clicks of yesterday that come today, a second before clicks that were net till now."""
        if self.day == 1 or self.hour != 11:
            return []
        batches = [batch_of(self.config, self.day - 1, hour) for hour in IN_BETWEEN_HOURS]
        shown = Impressions.join([b.impressions.take(b.in_stream) for b in batches])
        clicks = Clicks.join([b.clicks.take(b.clicks_in_stream) for b in batches])
        order = np.argsort(shown.number)
        spot = np.searchsorted(shown.number[order], clicks.impression).clip(0, len(shown) - 1)
        parent = order[spot]
        known = shown.number[parent] == clicks.impression
        due = known & (clicks.ts - shown.ts[parent] > 3 * SECOND_US)
        few = self.some(clicks.take(due), 4, 0.05)
        number = numbers(IdKind.LATE_CLICK, self.day, self.hour, len(few))
        return [few.but(number=number, ts=few.ts - SECOND_US)]

    def planted(self, frame: Frame, purpose: int) -> Segment:
        """Events at the bounds of a definition, in any order."""
        wait = rng(self.config, purpose, self.day).integers(0, HOUR_US, len(frame))
        return Segment(frame, self.start + 2 * HOUR_US + wait)

    def suspected(self) -> list[Frame]:
        """What suspects do; and what turns verdicts of yesterday, or uses its ids again."""
        if self.hour == SUSPECT_HOUR:
            today = suspected_of(self.config, self.day)
            return [today.impressions.take(~today.turning), today.clicks]
        if self.hour == TURNING_HOUR and self.day > 1:
            yesterday = suspected_of(self.config, self.day - 1)
            return [yesterday.impressions.take(yesterday.turning), yesterday.reused]
        return []

    def user_events(self) -> list[Segment]:
        today = self.sent(actions_of(self.config, self.day, self.hour))
        segments = [today, self.sent_again(today, 0.012)]
        if self.day > 1 and self.hour == 3:
            yesterday = actions_of(self.config, self.day - 1, 15)
            segments.append(self.later(self.some(yesterday, 6, 0.02)))
        if self.day > 1 and self.hour == 1:
            yesterday = actions_of(self.config, self.day - 1, 23)
            identified = yesterday.take(yesterday.identified > 0)
            segments.append(self.later(self.mirrored(identified, self.start - HOUR_US, 23)))
        if self.hour == PLANTED_HOUR:
            segments.append(self.planted(paused_of(self.config, self.day), 32))
        return [segment for segment in segments if len(segment.frame)]


# ---------------------------------------------------------------- hostile records


def spread(config: WorldConfig, cases: tuple[C, ...], slot: int, slots: int) -> list[tuple[C, int]]:
    """The cases of one slot out of all the slots of a world, with a number for each record.

    Every case comes at least once in the whole world, and about once more for every 200,000
    events of scale, up to twenty times; records of 200 kB and more only once.
    """
    passes = 1 + min(20, config.scale // 200_000)
    planted = []
    for turn in range(passes):
        for position, case in enumerate(cases):
            if (position * 37 + turn * 11) % slots != slot:
                continue
            if turn and (case.reason == "oversize" or "100,000" in case.name):
                continue
            planted.append((case, turn * 1_000 + position))
    return planted


def _hostile(config: WorldConfig, day: int, hour: int) -> list[tuple[HostileCase, int]]:
    slot, slots = (day - 1) * 24 + hour, config.days * 24
    return [
        planted
        for table in TABLE_OF_TOPIC.values()
        for planted in spread(config, hostile_cases(table), slot, slots)
    ]


# ---------------------------------------------------------------- messages


def _messages(
    config: WorldConfig,
    segments: dict[str, list[Segment]],
    hostile: list[tuple[HostileCase, int]],
    start: int,
    topic: str,
) -> list[Message]:
    """The messages of one topic in the order in which they are sent."""
    arrivals = [_arrivals(segments[topic])]
    partitions: list[int] = []
    keys: list[bytes] = []
    values: list[bytes | None] = []
    headers: list[Header] = []
    for segment in segments[topic]:
        of_segment = _keys(config, segment.frame)
        keys += of_segment[0]
        partitions += of_segment[1].tolist()
        segment_values, segment_headers = _values(config, segment.frame)
        values += segment_values
        headers += segment_headers
    bad = [planted for planted in hostile if TABLE_OF_TOPIC[topic] == planted[0].table]
    arrivals.append(start + np.arange(len(bad), dtype=np.int64) * 7 * SECOND_US)
    for position, (case, n) in enumerate(bad):
        partitions.append(position % config.partitions)
        keys.append(b"hostile-%d" % n)
        values.append(case.build(n))
        headers.append(None)
    order = np.argsort(np.concatenate(arrivals), kind="stable").tolist()
    return [(topic, partitions[row], keys[row], values[row], headers[row]) for row in order]


def _values(config: WorldConfig, frame: Frame) -> tuple[list[bytes], list[Header]]:
    if isinstance(frame, Actions):
        return wire.action_messages(config, frame)
    if isinstance(frame, Impressions):
        values = wire.impression_messages(config, frame)
    elif isinstance(frame, Views):
        values = wire.view_messages(config, frame)
    elif isinstance(frame, Videos):
        values = wire.video_messages(config, frame)
    elif isinstance(frame, Clicks):
        values = wire.click_messages(config, frame)
    else:
        raise TypeError(type(frame).__name__)
    return values, [None] * len(values)


def _keys(config: WorldConfig, frame: Frame) -> tuple[list[bytes], Small]:
    """Message keys (the user's id, or an auction's for people without one) and partitions."""
    texts = wire.texts_of(config)
    person, phone, known = _key_columns(config, frame)
    about = frame.impression if isinstance(frame, Clicks) else frame.number
    auctions = hex_texts(mix(about, config.seed + 1))
    keys = [
        (wire.user_text(texts, who, second) if is_known else auction).encode()
        for who, second, is_known, auction in zip(
            person.tolist(), phone.tolist(), known.tolist(), auctions, strict=True
        )
    ]
    identity = np.where(known, person.astype(np.int64) * 2 + phone, about)
    partitions = mix(identity, config.seed + 2) % np.uint64(config.partitions)
    return keys, partitions.astype(np.int32)


def _key_columns(config: WorldConfig, frame: Frame) -> tuple[Small, Flags, Flags]:
    """Person, whether the second id, and whether the key may be the person's id."""
    people = people_of(config)
    if isinstance(frame, Actions):
        return frame.person, frame.phone, frame.person != NONE
    if isinstance(frame, Impressions | Clicks):
        return frame.person, frame.phone, frame.personal
    if isinstance(frame, Views | Videos):
        first_id = np.zeros(len(frame), np.bool_)
        return frame.person, first_id, people.personal[frame.person]
    raise TypeError(type(frame).__name__)


def messages_of(config: WorldConfig, day: int) -> Iterator[Message]:
    """All messages of a day, hour by hour, in the order in which each topic gets them."""
    for hour in hours_of(config, day):
        for topic in TOPICS:
            yield from hour.messages(topic)
