"""People whose behaviour is suspicious, and people who come just as close as is still valid.

A few a day, each with an hour of its own behaviour, told by the stream alone: so that every rule of
invalid traffic has events on both sides of its bound, however small the world is. They are the
people who are seen least otherwise. Some events come only on the next day and turn verdicts of
the day before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ingestion.adworld.config import HOUR_US, SECOND_US, WorldConfig, rng
from ingestion.adworld.frames import NONE, Clicks, Conversions, Flags, Impressions
from ingestion.adworld.ids import IdKind, numbers
from ingestion.adworld.market import market_of
from ingestion.adworld.traffic import creatives_of, line_items_of, people_of, placements_of

SLOT = 40
"""Where their events are born; below are the slots of `traffic`."""

HOUR = 15
"""The hour in which they act."""

TURNING_HOUR = 4
"""The hour of the next day in which the rest comes."""

CROWDED_FROM = 5_000
"""Least scale of a world with hours of more events than a person can make."""

BERLIN, NEW_YORK, LONDON, TOKYO, PARIS = 0, 1, 3, 4, 5
PARIS_TO_LONDON_US = 343_475 * 3_600
"""What 343,475 metres take at 1,000 km an hour."""


@dataclass(frozen=True)
class Seen:
    """An impression of a suspect.

    Attributes:
        at: Microseconds since the hour began.
        phone: Whether with the second id.
        country: Where; None for where the person lives.
        agent: As for impressions.
        prefetch: Whether the page was only fetched in advance.
        clicks: Microseconds from the impression to each click.
        turning: Whether it is told on the next day.
    """

    at: int
    phone: bool = False
    country: int | None = None
    agent: int = 0
    prefetch: bool = False
    clicks: Sequence[int] = ()
    turning: bool = False


@dataclass(frozen=True)
class Suspect:
    """What one person does.

    Attributes:
        seen: The impressions with their clicks.
        converted: Microseconds since the hour began of a conversion; None for none.
        personal: Whether the person consents.
    """

    seen: tuple[Seen, ...]
    converted: int | None = None
    personal: bool = True


_MINUTE_US = 60 * SECOND_US


def _every(seconds: int, count: int, *, start: int = 0, phone: bool = False) -> tuple[Seen, ...]:
    return tuple(Seen(start + n * seconds * SECOND_US, phone=phone) for n in range(count))


def _clicking(impressions: int, clicks: int) -> tuple[Seen, ...]:
    """Clicks in turns, far enough from each other to be no repeats."""
    return tuple(
        Seen(
            n * SECOND_US,
            clicks=[
                (10 + 30 * turn) * SECOND_US
                for turn in range(clicks // impressions + (n < clicks % impressions))
            ],
        )
        for n in range(impressions)
    )


def _clicks_before(*micros: int) -> Suspect:
    """An impression, and clicks so long before a conversion ten minutes later."""
    until = 10 * _MINUTE_US
    return Suspect((Seen(0, clicks=[until - before for before in micros]),), converted=until)


SUSPECTS: tuple[Suspect, ...] = (
    # More clicks than half of the impressions; half; and too few impressions to tell.
    Suspect(_clicking(5, 3)),
    Suspect(_clicking(6, 3)),
    Suspect(_clicking(4, 4)),
    # A click a microsecond sooner than a person can, and one just in time.
    Suspect((Seen(0, clicks=[199_999]), Seen(_MINUTE_US, clicks=[200_000]))),
    # Just too fast from Paris to London, and just not; not to be told, because the places are
    # those of two ids, and because nothing is known of the place in between.
    Suspect((Seen(0, country=PARIS), Seen(PARIS_TO_LONDON_US - 1, country=LONDON))),
    Suspect((Seen(0, country=PARIS), Seen(PARIS_TO_LONDON_US, country=LONDON))),
    Suspect((Seen(0, country=BERLIN), Seen(_MINUTE_US, country=NEW_YORK, phone=True))),
    Suspect(
        (
            Seen(0, country=BERLIN),
            Seen(_MINUTE_US, country=NONE),
            Seen(2 * _MINUTE_US, country=TOKYO),
        )
    ),
    # Over midnight: the other end of the way is told on the next day.
    Suspect(
        (
            Seen(8 * HOUR_US + 50 * _MINUTE_US, country=BERLIN),
            Seen(9 * HOUR_US + 20 * _MINUTE_US, country=NEW_YORK, turning=True),
        )
    ),
    # Five clicks in the minute before a conversion; four, with one too early and one too late.
    _clicks_before(60 * SECOND_US, 50 * SECOND_US, 40 * SECOND_US, 30 * SECOND_US, 1),
    _clicks_before(60 * SECOND_US + 1, 50 * SECOND_US, 40 * SECOND_US, 30 * SECOND_US, 1, 0),
    # A page that was fetched in advance, a client without a name, and one that cannot be: clicked.
    Suspect((Seen(0, prefetch=True, clicks=[5 * SECOND_US]),)),
    Suspect((Seen(0, agent=4, clicks=[5 * SECOND_US]),)),
    Suspect((Seen(0, agent=5, clicks=[5 * SECOND_US]),)),
)
"""What is suspicious however few events there are."""

REUSED = (5, 6)
"""Impressions whose ids are used again: two of the second suspect, valid until the next day."""

CROWDS: tuple[Suspect, ...] = (
    # One impression more than a person can see in an hour, which is told on the next day; as many
    # as that; more, but in two hours; as many with either id of one person.
    Suspect((*_every(60, 40), Seen(45 * _MINUTE_US, turning=True))),
    Suspect(_every(60, 40)),
    Suspect(_every(30, 41, start=50 * _MINUTE_US)),
    Suspect((*_every(60, 21), *_every(60, 21, start=30 * _MINUTE_US, phone=True))),
    # One click more than a person can make; as many as that; one more of somebody without an id.
    Suspect(_clicking(3, 21)),
    Suspect(_clicking(3, 20)),
    Suspect(_clicking(3, 21), personal=False),
)
"""Hours of more events than a person can make."""


@dataclass(frozen=True)
class Suspected:
    """The events of the suspects of a day.

    Attributes:
        impressions: What they saw.
        clicks: What they clicked.
        conversions: What they bought.
        turning: Impressions that are told on the next day.
        reused: Impressions of which some are told once more, with other content.
    """

    impressions: Impressions
    clicks: Clicks
    conversions: Conversions
    turning: Flags
    reused: Impressions


def _people(config: WorldConfig, day: int, suspects: Sequence[Suspect]) -> list[int]:
    """A person for each, of those who are seen least, and others every day."""
    people = people_of(config)
    shares = np.diff(people.cumulative, prepend=0.0)
    order = np.argsort(shares, kind="stable")
    known = order[people.personal[order]].tolist()
    unknown = order[~people.personal[order]].tolist()
    chosen = []
    for number, suspect in enumerate(suspects):
        group = known if suspect.personal else unknown
        chosen.append(group[((day - 1) * len(suspects) + number) % len(group)])
    return chosen


@lru_cache(maxsize=4)
def suspected_of(config: WorldConfig, day: int) -> Suspected:
    """What the suspects of a day do."""
    suspects = SUSPECTS + (CROWDS if config.scale >= CROWDED_FROM else ())
    people = _people(config, day, suspects)
    start = config.day_start_us(day) + HOUR * HOUR_US
    seen = [
        (person, one)
        for person, suspect in zip(people, suspects, strict=True)
        for one in suspect.seen
    ]
    impressions = _impressions(config, day, start, seen)
    return Suspected(
        impressions,
        _clicks(config, day, impressions, [one.clicks for _, one in seen]),
        _conversions(day, start, people, suspects),
        np.array([one.turning for _, one in seen]),
        _reused(impressions),
    )


def _impressions(
    config: WorldConfig, day: int, start: int, seen: Sequence[tuple[int, Seen]]
) -> Impressions:
    draw = rng(config, 21, day)
    people, market = people_of(config), market_of(config)
    count = len(seen)
    person = np.array([who for who, _ in seen], np.int64)
    alone = np.arange(count)
    line_item = line_items_of(config, draw, (day - 1) * 24 + HOUR, alone, np.ones(count, np.bool_))
    creative, arm = creatives_of(market, draw, line_item, person)
    ad_format = np.array([item.ad_format for item in market.line_items])[line_item]
    home = people.country[person]
    country = [
        int(lives) if one.country is None else one.country
        for (_, one), lives in zip(seen, home, strict=True)
    ]
    nothing = np.zeros(count, np.int32)
    return Impressions(
        number=numbers(IdKind.IMPRESSION, day, SLOT, count),
        ts=start + np.array([one.at for _, one in seen], np.int64),
        written=nothing,
        drift=nothing,
        person=person.astype(np.int32),
        device=np.array([int(one.phone) for _, one in seen], np.int32),
        phone=np.array([one.phone for _, one in seen]),
        line_item=line_item.astype(np.int32),
        creative=creative.astype(np.int32),
        placement=placements_of(config, draw, day, ad_format).astype(np.int32),
        exchange=np.full(count, NONE, np.int32),
        price=np.full(count, NONE, np.int64),
        currency=np.full(count, NONE, np.int32),
        country=np.array(country, np.int32),
        personal=people.personal[person],
        agent=np.array([one.agent for _, one in seen], np.int32),
        hop=nothing,
        arm=arm.astype(np.int32),
        prefetch=np.array([one.prefetch for _, one in seen]),
    )


def _clicks(
    config: WorldConfig, day: int, impressions: Impressions, delays: Sequence[Sequence[int]]
) -> Clicks:
    market = market_of(config)
    parent = np.repeat(np.arange(len(delays)), [len(of_one) for of_one in delays])
    delay = np.array([micros for of_one in delays for micros in of_one], np.int64)
    advertiser = np.array([item.advertiser for item in market.line_items])
    nothing = np.zeros(len(parent), np.int32)
    return Clicks(
        number=numbers(IdKind.CLICK, day, SLOT, len(parent)),
        ts=impressions.ts[parent] + delay,
        written=nothing,
        drift=nothing,
        impression=impressions.number[parent],
        person=impressions.person[parent],
        phone=impressions.phone[parent],
        personal=impressions.personal[parent],
        agent=impressions.agent[parent],
        advertiser=advertiser[impressions.line_item[parent]].astype(np.int32),
    )


def _conversions(
    day: int, start: int, people: list[int], suspects: Sequence[Suspect]
) -> Conversions:
    """Signups, at the first advertiser's."""
    converted = [
        (person, suspect.converted)
        for person, suspect in zip(people, suspects, strict=True)
        if suspect.converted is not None
    ]
    nothing = np.zeros(len(converted), np.int32)
    return Conversions(
        number=numbers(IdKind.CONVERSION, day, SLOT, len(converted)),
        ts=start + np.array([at for _, at in converted], np.int64),
        written=nothing,
        drift=nothing,
        person=np.array([person for person, _ in converted], np.int32),
        phone=np.zeros(len(converted), np.bool_),
        advertiser=nothing,
        kind=np.ones(len(converted), np.int32),
        cents=np.full(len(converted), NONE, np.int64),
    )


def _reused(impressions: Impressions) -> Impressions:
    """Some ids again, at another place and on another device."""
    few = impressions.take(np.array(REUSED))
    return few.but(country=((few.country + 1) % 8).astype(np.int32), device=few.device + 1)
