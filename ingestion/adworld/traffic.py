"""What people do: impressions, their children, product events and conversions, hour by hour.

A slot of a day is drawn apart from every other slot, so any hour can be made again without the
hours before it. Slots 0 to 23 are the hours; later ones are batches of old events (see `LATE`).

The rates of behaviour (clicks, conversions, views) are far above real ones, so that small worlds
have enough of everything; proportions between them are realistic.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ingestion.adworld.config import DAY_US, HOUR_US, SECOND_US, WorldConfig, rng
from ingestion.adworld.frames import (
    NONE,
    Actions,
    Clicks,
    Conversions,
    Flags,
    Impressions,
    Ints,
    Small,
    Videos,
    Views,
)
from ingestion.adworld.ids import IdKind, numbers
from ingestion.adworld.market import (
    COUNTRIES,
    GONE_PLACEMENT,
    HOUSES,
    Market,
    market_of,
    weights_of,
)

EXCHANGES = ("openx", "magnite", "pubmatic")
CLEARING = ("USD", "EUR", "JPY")
PLATFORMS = ("web", "mobile", "app")
ACTION_NAMES = ("view", "click", "purchase", "add to basket")
CONVERSION_TYPES = ("purchase", "signup", "lead", "install")
VIDEO_EVENTS = (
    "start",
    "first_quartile",
    "midpoint",
    "third_quartile",
    "complete",
    "mute",
    "skip",
)
PRODUCTS = 40

IMPRESSIONS_PER_EVENT = 0.118
"""Impressions for one event of any source; the others follow from it (measured, see tests): about
44 of 100 events are those of the stream and the ad server, 56 those of the exchanges."""

ACTIONS_PER_IMPRESSION = 0.5

HOURS = np.array(
    [9, 6, 4, 3, 3, 5, 12, 22, 34, 42, 46, 48, 50, 48, 46, 46, 48, 54, 62, 70, 74, 66, 42, 20]
)
"""The day curve: relative traffic by hour, UTC."""

LATE = (24, 25, 26)
"""Slots of batches that come late: their ages are `AGES`."""

OLD = 28
"""Slot of impressions that are about 30 days old and whose clicks are new."""

CAPPED = 31
"""Slot of impressions that come as often as their line item's frequency cap allows, and oftener."""

ADDED = 29
"""Slot of impressions that only the second version of a file has."""

AGES: tuple[tuple[int, int], ...] = (
    (HOUR_US, 5 * HOUR_US),
    (DAY_US, 0),
    (2 * DAY_US, 0),
    (7 * DAY_US, 0),
    (60 * DAY_US, 0),
    (400 * DAY_US, 0),
)
"""Ages of late events: least age, and what a random part adds. A few dates, so that the lake of a
small world has a few partitions more, not hundreds."""

FLOOD_HOUR = 13
HELD_HOUR = 21
FILE_FIRST_HOUR = 20
SURE_HOURS = (18, HELD_HOUR)


@dataclass(frozen=True)
class People:
    """The population.

    Attributes:
        cumulative: Cumulative share of the sessions.
        country: Position in `COUNTRIES`.
        personal: Whether the person consents.
        phone: Share of the sessions with the second id; 0 for people with one id.
        handheld: Device of the first id is a phone.
    """

    cumulative: np.ndarray
    country: Small
    personal: Flags
    phone: np.ndarray
    handheld: Flags

    def __len__(self) -> int:
        return len(self.country)


@dataclass(frozen=True)
class Batch:
    """All that was born in one slot.

    Attributes:
        impressions: The impressions.
        clicks: Their clicks, and clicks on impressions that do not exist.
        in_stream: Impressions that the stream reports.
        in_file: Impressions that the ad server's files report.
        held: Impressions that the stream reports only on the next day.
        clicks_in_stream: Clicks that the stream reports.
        clicks_in_file: Clicks that the files report.
    """

    impressions: Impressions
    clicks: Clicks
    in_stream: Flags
    in_file: Flags
    held: Flags
    clicks_in_stream: Flags
    clicks_in_file: Flags


@lru_cache(maxsize=4)
def people_of(config: WorldConfig) -> People:
    """The population of a world: a few people see much, most see little."""
    count = max(300, config.scale // 55)
    draw = rng(config, 3)
    weight = draw.lognormal(0.0, 1.0, count)
    return People(
        cumulative=np.cumsum(weight / weight.sum()),
        country=draw.choice(
            len(COUNTRIES), count, p=[0.3, 0.22, 0.14, 0.1, 0.06, 0.08, 0.05, 0.05]
        ).astype(np.int32),
        personal=draw.random(count) > 0.08,
        phone=np.where(draw.random(count) < 0.25, 0.4, 0.0),
        handheld=draw.random(count) < 0.5,
    )


def hour_count(config: WorldConfig, day: int, hour: int) -> int:
    """Impressions of one hour: the day curve, and a day that differs a little from the others."""
    day_weights = 1.0 + 0.12 * np.sin(np.arange(config.days) * 1.7)
    share = day_weights[day - 1] / day_weights.sum() * HOURS[hour] / HOURS.sum()
    return max(6, round(config.scale * IMPRESSIONS_PER_EVENT * float(share)))


def _late_count(config: WorldConfig) -> int:
    return max(18, round(config.scale / config.days * IMPRESSIONS_PER_EVENT * 0.004))


@lru_cache(maxsize=6)
def batch_of(config: WorldConfig, day: int, slot: int) -> Batch:
    """What was born in one slot of a day."""
    draw = rng(config, 4, day, slot)
    start = config.day_start_us(day)
    if slot < 24:
        count, hour = hour_count(config, day, slot), slot
    elif slot == ADDED:
        count, hour = max(5, hour_count(config, day, 9) // 50), -15
    elif slot == OLD:
        count, hour = max(6, _late_count(config) // 4), 16
    else:
        count, hour = _late_count(config), 2 + 6 * (slot - LATE[0])
    impressions = _impressions(config, draw, day, slot, count=count, start=start + hour * HOUR_US)
    if slot in (*LATE, OLD):
        impressions = _aged(draw, impressions, slot)
    clicks = _clicks(config, draw, day, slot, impressions)
    impressions, clicks = _disguised(config, day, slot, impressions, clicks)
    return _delivered(draw, slot, impressions, clicks)


def _disguised(
    config: WorldConfig, day: int, slot: int, impressions: Impressions, clicks: Clicks
) -> tuple[Impressions, Clicks]:
    """Some impressions are prefetched, some of people come with an agent that cannot be theirs."""
    draw = rng(config, 20, day, slot)
    count = len(impressions)
    odd = np.where(draw.random(count) < 0.008, draw.integers(4, 6, count), 0)
    prefetch = draw.random(count) < 0.004
    agent = np.where(impressions.agent == 0, odd, impressions.agent).astype(np.int32)
    parent = clicks.impression - impressions.number[0]
    known = (parent >= 0) & (parent < count)
    clicked_by = np.where(known, agent[np.where(known, parent, 0)], clicks.agent)
    return impressions.but(agent=agent, prefetch=prefetch), clicks.but(
        agent=clicked_by.astype(np.int32)
    )


def _impressions(
    config: WorldConfig, draw: np.random.Generator, day: int, slot: int, *, count: int, start: int
) -> Impressions:
    """Sessions of people, each with a few impressions; bots among them."""
    people, market = people_of(config), market_of(config)
    sizes = draw.geometric(1 / 3, count)
    session = np.repeat(np.arange(count), sizes)[:count]
    first = np.r_[True, session[1:] != session[:-1]]
    sessions = int(session[-1]) + 1
    gaps = (draw.exponential(45.0, count) * 1000).astype(np.int64) + 400
    gaps[first] = 0
    elapsed = np.cumsum(gaps)
    elapsed -= elapsed[first][session]
    begin = (draw.random(sessions) * 3_600_000).astype(np.int64)
    ts = start + (begin[session] + elapsed) * 1000
    # A few clients measure microseconds, and a few have a clock that is wrong.
    ts += np.where(draw.random(count) < 0.03, draw.integers(1, 1000, count), 0)
    skew = draw.choice(
        np.array([0, 37 * 60, -2 * 3600, 26 * 3600]), sessions, p=[0.985, 0.006, 0.006, 0.003]
    )
    ts += skew[session] * SECOND_US

    who = np.searchsorted(people.cumulative, draw.random(sessions)).clip(0, len(people) - 1)
    phone = draw.random(sessions) < people.phone[who]
    bot = (draw.random(sessions) < 0.012) * draw.integers(1, 4, sessions)
    person, agent = who[session], bot[session]
    hop = np.zeros(count, np.int64)
    if slot == FLOOD_HOUR:
        # One person floods: many impressions a second apart, at places far from each other.
        flood = slice(0, min(count // 2, 60))
        person[flood], agent[flood] = person[0], 0
        ts[flood] = start + 1_800 * SECOND_US + np.arange(flood.stop) * 700_000
        hop[flood] = np.arange(flood.stop) % 4

    hour = (day - 1) * 24 + min(slot, 23)
    line_item = line_items_of(config, draw, hour, session, first)
    creative, arm = creatives_of(market, draw, line_item, person)
    ad_format = np.array([item.ad_format for item in market.line_items])[line_item]
    channel = np.array([item.channel for item in market.line_items])[line_item]
    exchange = draw.choice(np.array([0, 1, 2, NONE]), count, p=[0.4, 0.3, 0.2, 0.1])
    priced = (exchange >= 0) | (draw.random(count) < 0.5)
    currency = currency_of(exchange)
    price = prices_of(draw, currency)
    handheld = people.handheld[person] | phone[session]
    device = np.where(channel == 5, 3, np.where(handheld, 1 + (person % 7 == 0), 0))
    country = np.where(draw.random(count) < 0.01, NONE, people.country[person])
    return Impressions(
        number=numbers(IdKind.IMPRESSION, day, slot, count),
        ts=ts,
        written=_written(draw, count),
        drift=_drift(draw, count),
        person=person.astype(np.int32),
        device=device.astype(np.int32),
        phone=phone[session],
        line_item=line_item.astype(np.int32),
        creative=creative.astype(np.int32),
        placement=placements_of(config, draw, day, ad_format).astype(np.int32),
        exchange=exchange.astype(np.int32),
        price=np.where(priced, price, NONE),
        currency=np.where(priced, currency, NONE).astype(np.int32),
        country=np.where(hop > 0, hop, country).astype(np.int32),
        personal=people.personal[person],
        agent=agent.astype(np.int32),
        hop=hop.astype(np.int32),
        arm=arm.astype(np.int32),
        prefetch=np.zeros(count, np.bool_),
    )


def currency_of(exchange: np.ndarray) -> np.ndarray:
    """The currency in which an exchange clears; direct buys are in EUR."""
    return np.where(exchange == NONE, 1, exchange)


def prices_of(draw: np.random.Generator, currency: np.ndarray) -> Ints:
    """Prices of one thousand impressions, in micro-units."""
    level = np.where(currency == 2, 150, 1)
    return (draw.lognormal(14.2, 0.6, len(currency)) * level).astype(np.int64)


def _written(draw: np.random.Generator, count: int) -> Small:
    """Three in a hundred timestamps come with an offset other than Z."""
    return np.where(draw.random(count) < 0.03, draw.integers(1, 5, count), 0).astype(np.int32)


def _drift(draw: np.random.Generator, count: int) -> Small:
    """Three in a thousand events have a field that the contract does not know."""
    return np.where(draw.random(count) < 0.003, draw.integers(1, 4, count), 0).astype(np.int32)


def line_items_of(
    config: WorldConfig,
    draw: np.random.Generator,
    hour: int,
    session: np.ndarray,
    first: np.ndarray,
) -> np.ndarray:
    """By weight among those in flight; half of a session repeats its first line item."""
    items = market_of(config).line_items
    choice = np.searchsorted(np.cumsum(weights_of(items, hour)), draw.random(len(session)))
    choice = choice.clip(0, len(items) - 1)
    leading = choice[first][session]
    return np.where(draw.random(len(session)) < 0.5, leading, choice)


def creatives_of(
    market: Market, draw: np.random.Generator, line_item: np.ndarray, person: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One arm a person and line item, so that experiments can be read."""
    offered = np.array([len(item.creatives) for item in market.line_items])
    table = np.zeros((len(offered), int(offered.max())), np.int64)
    for item in market.line_items:
        table[item.index, : len(item.creatives)] = item.creatives
    arm = (person + line_item) % offered[line_item]
    astray = draw.random(len(person)) < 0.01
    arm = np.where(astray, 0, arm)
    return table[line_item, arm], arm


def placements_of(
    config: WorldConfig, draw: np.random.Generator, day: int, ad_format: np.ndarray
) -> np.ndarray:
    """Any placement of the format that still exists."""
    formats = np.array(market_of(config).placement_format)
    drawn = draw.random(len(ad_format))
    placement = np.zeros(len(ad_format), np.int64)
    for value in (0, 1):
        fitting = np.flatnonzero(formats == value)
        if day > 1:
            fitting = fitting[fitting != GONE_PLACEMENT]
        chosen = fitting[(drawn * len(fitting)).astype(np.int64)]
        placement = np.where(ad_format == value, chosen, placement)
    return placement


def _aged(draw: np.random.Generator, impressions: Impressions, slot: int) -> Impressions:
    """The same impressions, but long ago."""
    count = len(impressions)
    if slot == OLD:
        age = np.full(count, 30 * DAY_US)
    else:
        least, extra = np.array(AGES)[np.arange(count) % len(AGES)].T
        age = least + (draw.random(count) * extra).astype(np.int64)
    return impressions.but(ts=impressions.ts - age)


def _clicks(
    config: WorldConfig,
    draw: np.random.Generator,
    day: int,
    slot: int,
    impressions: Impressions,
) -> Clicks:
    """Clicks of an hour, repeats, and clicks that no impression explains.

    Distances to the impression and to the click before include the bounds of the definitions:
    0, exactly `click_repeat_seconds`, exactly `max_click_age_days`, and a microsecond beyond.
    """
    count = len(impressions)
    market = market_of(config)
    # Some impressions that are held back, and some whose clicks get one before them, have a click
    # for certain, and not at once, however small the world is.
    sure = (np.arange(count) < 4) & (slot in SURE_HOURS)
    if slot == OLD:
        rows = np.arange(count)
        beyond = np.array([0, 1, -1, -DAY_US, 5 * DAY_US, -SECOND_US])
        delay = 30 * DAY_US + beyond[rows % len(beyond)]
    else:
        chance = np.where(impressions.agent > 0, 0.12, 0.03 + 0.015 * impressions.arm)
        if slot > 23:
            chance = np.full(count, 0.15)
        rows = np.flatnonzero((draw.random(count) < chance) | sure)
        delay = ((draw.exponential(9.0, len(rows)) + 0.3) * 1000).astype(np.int64) * 1000
        delay = np.where(draw.random(len(rows)) < 0.02, 0, delay)
        early = -draw.integers(1, 600, len(rows)) * SECOND_US
        delay = np.where((draw.random(len(rows)) < 0.015) & ~sure[rows], early, delay)
        delay = np.where(sure[rows], delay + 4 * SECOND_US, delay)
    again = np.flatnonzero(draw.random(len(rows)) < 0.14)
    steps = np.array([0, 300_000, 1_900_000, 2_000_000, 2_000_001, 3_000_000, 60_000_000])
    third = again[draw.random(len(again)) < 0.3]
    wait = steps[draw.integers(0, len(steps), len(again))]
    longer = np.zeros(len(rows), np.int64)
    longer[again] = wait
    parent = np.concatenate([rows, rows[again], rows[third]])
    wait_third = longer[third] + steps[draw.integers(1, len(steps), len(third))]
    ts = impressions.ts[parent] + np.concatenate(
        [delay, delay[again] + wait, delay[third] + wait_third]
    )
    total = len(parent)
    nowhere = (draw.random(total) < 0.02) & ~sure[parent]
    lost = numbers(IdKind.NOWHERE, day, slot, total)
    advertiser = np.array([item.advertiser for item in market.line_items])
    return Clicks(
        number=numbers(IdKind.CLICK, day, slot, total),
        ts=ts,
        written=_written(draw, total),
        drift=_drift(draw, total),
        impression=np.where(nowhere, lost, impressions.number[parent]),
        person=impressions.person[parent],
        phone=impressions.phone[parent],
        personal=impressions.personal[parent],
        agent=impressions.agent[parent],
        advertiser=advertiser[impressions.line_item[parent]].astype(np.int32),
    )


def _delivered(
    draw: np.random.Generator, slot: int, impressions: Impressions, clicks: Clicks
) -> Batch:
    """Which source reports what."""
    count = len(impressions)
    file_only = draw.random(count) < 0.03
    in_file = file_only | (draw.random(count) < 0.46)
    clicks_in_file = draw.random(len(clicks)) < 0.5
    clicks_in_stream = ~clicks_in_file | (draw.random(len(clicks)) < 0.94)
    held = np.zeros(count, np.bool_)
    clicked = np.isin(impressions.number, clicks.impression)
    if slot == HELD_HOUR:
        # A producer is cut off: the clicks arrive today, the impressions tomorrow.
        held = (clicked & (draw.random(count) < 0.6)) | (draw.random(count) < 0.04)
        held[:4] = True
        in_file &= ~held
        file_only &= ~held
    if slot == FILE_FIRST_HOUR:
        # The file is here today, the stream tomorrow, and the stream's fields win.
        held = in_file & ~file_only & (draw.random(count) < 0.3)
    if slot == ADDED:
        in_file, file_only = np.ones(count, np.bool_), np.ones(count, np.bool_)
        clicks_in_file = np.ones(len(clicks), np.bool_)
    elif slot > 23:
        in_file, file_only = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
        clicks_in_stream = np.ones(len(clicks), np.bool_)
        clicks_in_file = np.zeros(len(clicks), np.bool_)
    in_stream = ~file_only & ~held
    return Batch(impressions, clicks, in_stream, in_file, held, clicks_in_stream, clicks_in_file)


MINUTE_US = 60 * SECOND_US

AT_THE_CAP: tuple[tuple[int, ...], ...] = (
    tuple(range(0, 40 * MINUTE_US, 5 * MINUTE_US)),
    tuple(range(0, 25 * MINUTE_US, 5 * MINUTE_US)),
    (*range(-DAY_US, -DAY_US + 5 * MINUTE_US, MINUTE_US), 0),
    (*range(-DAY_US, -DAY_US + 5 * MINUTE_US, MINUTE_US), 1),
)
"""When four people see one line item whose cap is five a day, each: eight times, five times, and a
sixth time exactly a day after the first, or a microsecond later."""


def capped_of(config: WorldConfig, day: int) -> Impressions:
    """Impressions at the bounds of a frequency cap, of people who differ from day to day.

    They are direct buys, so that no exchange knows of them.
    """
    people, market = people_of(config), market_of(config)
    hour = (day - 1) * 24 + 15
    item = next(
        item
        for item in market.line_items
        if item.index % 2 == 0 and item.ad_format == 0 and item.first_hour <= hour < item.last_hour
    )
    first = 10 + len(AT_THE_CAP) * (day - 1)
    chosen = np.flatnonzero(people.personal)[first : first + len(AT_THE_CAP)]
    person = np.repeat(chosen, [len(times) for times in AT_THE_CAP])
    count = len(person)
    formats = np.array(market.placement_format)
    fitting = np.flatnonzero((formats == 0) & (np.arange(len(formats)) != GONE_PLACEMENT))
    none = np.full(count, NONE, np.int32)
    zeros = np.zeros(count, np.int32)
    return Impressions(
        number=numbers(IdKind.IMPRESSION, day, CAPPED, count),
        ts=config.day_start_us(day) + 15 * HOUR_US + np.concatenate(AT_THE_CAP),
        written=zeros,
        drift=zeros,
        person=person.astype(np.int32),
        device=np.where(people.handheld[person], 1, 0).astype(np.int32),
        phone=np.zeros(count, np.bool_),
        line_item=np.full(count, item.index, np.int32),
        creative=np.full(count, item.creatives[0], np.int32),
        placement=np.full(count, fitting[0], np.int32),
        exchange=none,
        price=none.astype(np.int64),
        currency=none,
        country=people.country[person],
        personal=people.personal[person],
        agent=zeros,
        hop=zeros,
        arm=zeros,
        prefetch=np.zeros(count, np.bool_),
    )


def as_in_file(impressions: Impressions) -> Impressions:
    """The impressions as the ad server saw them: about one in eight differs from the stream.

    Prices, countries and placements differ; keys and timestamps never do.
    """
    differs = (impressions.number * 7919 % 101) < 13
    price = np.where(
        differs & (impressions.price > 0), impressions.price + 70_000, impressions.price
    )
    country = np.where(differs, (impressions.country + 1) % len(COUNTRIES), impressions.country)
    return impressions.but(price=price, country=country.astype(np.int32))


def views_of(config: WorldConfig, day: int, slot: int, impressions: Impressions) -> Views:
    """Up to three intervals an impression, with gaps about the 200 ms that still count."""
    draw = rng(config, 5, day, slot)
    count = len(impressions)
    intervals = draw.choice(4, count, p=[0.4, 0.35, 0.15, 0.1])
    row = np.repeat(np.arange(count), intervals)
    total = len(row)
    sequence = np.arange(total) - np.repeat(np.cumsum(intervals) - intervals, intervals)
    length = draw.integers(150, 1600, total)
    gap = np.array([100, 200, 201, 300])[draw.integers(0, 4, total)]
    end = np.cumsum(length + gap)
    begins = np.cumsum(intervals) - intervals
    before = np.where(begins > 0, end[np.maximum(begins - 1, 0)], 0) if total else begins
    end = end - np.repeat(before, intervals)
    is_video = np.isin(impressions.placement[row], _video_placements(config))
    views = Views(
        number=impressions.number[row],
        ts=impressions.ts[row],
        written=_written(draw, total),
        drift=np.zeros(total, np.int32),
        person=impressions.person[row],
        sequence=sequence.astype(np.int32),
        start_ms=(end - length).astype(np.int32),
        end_ms=end.astype(np.int32),
        percent=draw.integers(20, 101, total).astype(np.int32),
        measurable=draw.random(total) > 0.04,
        is_video=is_video,
        playing=np.where(is_video, 1, NONE).astype(np.int32),
        position_ms=np.where(is_video, end - length, NONE).astype(np.int32),
    )
    views = _at_the_bounds(rng(config, 30, day, slot), intervals, views)
    return views.but(ts=views.ts + views.end_ms.astype(np.int64) * 1000)


Interval = tuple[int, int, int, int, int]
"""Start, end, percent, position, and whether the video plays (1), does not (0), or is not said."""

VIEWS_AT_THE_BOUNDS: tuple[tuple[Interval, ...], ...] = (
    # Exactly long enough for display and for video, a millisecond less, a percent less.
    ((0, 1000, 50, 0, 1),),
    ((0, 999, 50, 0, 1),),
    ((0, 1000, 49, 0, 1),),
    ((0, 1000, 30, 0, 1),),
    ((0, 1000, 29, 0, 1),),
    ((0, 2000, 50, 0, 1),),
    ((0, 1999, 50, 0, 1),),
    ((0, 2000, 49, 0, 1),),
    ((0, 5000, 100, 0, 0),),
    ((0, 5000, 100, 0, NONE),),
    # Gaps that count and that do not; intervals that overlap, and in another order than they began.
    ((0, 400, 60, 0, 1), (600, 1000, 60, 600, 1)),
    ((0, 400, 60, 0, 1), (601, 1001, 60, 601, 1)),
    ((0, 1200, 60, 0, 1), (1400, 2200, 60, 1200, 1)),
    ((0, 1200, 60, 0, 1), (1401, 2201, 60, 1200, 1)),
    ((0, 700, 60, 0, 1), (300, 1000, 60, 300, 1)),
    ((600, 1100, 60, 600, 1), (0, 500, 60, 0, 1)),
    # The video is wound back, wholly and in part; or stops.
    ((0, 1200, 80, 0, 1), (1200, 2400, 80, 0, 1)),
    ((0, 1200, 80, 0, 1), (1200, 2400, 80, 800, 1)),
    ((0, 1500, 80, 0, 1), (1500, 3000, 80, 1500, 0)),
    # Out of view in between; three in a row; a pause in between; wound back and then on.
    ((0, 500, 60, 0, 1), (500, 600, 20, 500, 1), (600, 1100, 60, 600, 1)),
    ((0, 400, 60, 0, 1), (500, 800, 60, 500, 1), (900, 1300, 60, 900, 1)),
    ((0, 1000, 60, 0, 1), (1050, 1100, 60, 1000, 0), (1200, 2300, 60, 1000, 1)),
    ((0, 1000, 60, 0, 1), (1000, 2000, 60, 0, 1), (2000, 3000, 60, 1000, 1)),
)
"""What a client tells of an impression, where it comes close to the definition of viewability."""

AT_THE_BOUNDS = 0.3


def _at_the_bounds(draw: np.random.Generator, intervals: np.ndarray, views: Views) -> Views:
    """Some impressions get intervals at the bounds instead, as many as they had."""
    first = np.cumsum(intervals) - intervals
    chosen = draw.random(len(intervals)) < AT_THE_BOUNDS
    pattern = draw.integers(0, 1 << 30, len(intervals))
    columns = np.stack(
        [views.start_ms, views.end_ms, views.percent, views.position_ms, views.playing]
    )
    measurable = views.measurable.copy()
    for length in (1, 2, 3):
        fitting = np.array([one for one in VIEWS_AT_THE_BOUNDS if len(one) == length], np.int32)
        rows = np.flatnonzero(chosen & (intervals == length))
        for place in range(length):
            columns[:, first[rows] + place] = fitting[pattern[rows] % len(fitting), place].T
            measurable[first[rows] + place] = True
    start, end, percent, position, playing = columns
    return views.but(
        start_ms=start,
        end_ms=end,
        percent=percent,
        measurable=measurable,
        playing=np.where(views.is_video, playing, NONE).astype(np.int32),
        position_ms=np.where(views.is_video, position, NONE).astype(np.int32),
    )


def _video_placements(config: WorldConfig) -> np.ndarray:
    return np.flatnonzero(np.array(market_of(config).placement_format) == 1)


def videos_of(config: WorldConfig, day: int, slot: int, impressions: Impressions) -> Videos:
    """Start, quartiles and completion of video impressions; some mute, some skip."""
    draw = rng(config, 6, day, slot)
    rows = np.flatnonzero(np.isin(impressions.placement, _video_placements(config)))
    reached = draw.choice(6, len(rows), p=[0.1, 0.25, 0.2, 0.15, 0.1, 0.2])
    row = np.repeat(rows, reached)
    event = np.arange(len(row)) - np.repeat(np.cumsum(reached) - reached, reached)
    position = event * 3_750
    extra = rows[draw.random(len(rows)) < 0.12]
    kind = draw.integers(5, 7, len(extra))
    row = np.concatenate([row, extra])
    event = np.concatenate([event, kind])
    position = np.concatenate([position, draw.integers(100, 15_000, len(extra))])
    total = len(row)
    # Some players tell of a mute instead of the start, so that quartiles come without one.
    lost = (event == 0) & ~np.isin(row, extra) & (rng(config, 31, day, slot).random(total) < 0.05)
    event = np.where(lost, VIDEO_EVENTS.index("mute"), event)
    return Videos(
        number=impressions.number[row],
        ts=impressions.ts[row] + position * 1000,
        written=_written(draw, total),
        drift=np.zeros(total, np.int32),
        person=impressions.person[row],
        event=event.astype(np.int32),
        position_ms=position.astype(np.int32),
    )


def actions_of(config: WorldConfig, day: int, hour: int) -> Actions:
    """Product events of an hour; fields are missing here and there."""
    draw = rng(config, 7, day, hour)
    people = people_of(config)
    count = max(4, round(hour_count(config, day, hour) * ACTIONS_PER_IMPRESSION))
    person = np.searchsorted(people.cumulative, draw.random(count)).clip(0, len(people) - 1)
    start = config.day_start_us(day) + hour * HOUR_US
    ts = start + np.sort(draw.integers(0, 3600, count)) * SECOND_US
    fine = draw.random(count) < 0.1
    ts = ts + np.where(fine, draw.integers(0, 1000, count) * 1000, 0)
    late = draw.random(count) < 0.004
    ts = np.where(late, ts - draw.choice(np.array([1, 24, 72]), count) * HOUR_US, ts)
    phone = draw.random(count) < people.phone[person]
    shape = np.where(draw.random(count) < 0.012, draw.integers(1, 5, count), 0)
    no_user = (draw.random(count) < 0.01) | (shape == 1) | (shape == 3)
    no_product = (draw.random(count) < 0.01) | (shape == 2) | (shape == 4)
    platform = np.where(phone, 1 + person % 2, 0)
    platform = np.where((draw.random(count) < 0.005) | (shape == 1) | (shape == 3), NONE, platform)
    name = draw.choice(len(ACTION_NAMES), count, p=[0.7, 0.18, 0.05, 0.07])
    product = (draw.random(count) ** 2 * PRODUCTS).astype(np.int64)
    return Actions(
        number=numbers(IdKind.ACTION, day, hour, count),
        ts=ts,
        written=_written(draw, count),
        drift=_drift(draw, count),
        person=np.where(no_user, NONE, person).astype(np.int32),
        phone=phone,
        platform=platform.astype(np.int32),
        name=np.where(draw.random(count) < 0.004, NONE, name).astype(np.int32),
        product=np.where(no_product, NONE, product).astype(np.int32),
        identified=draw.choice(4, count, p=[0.2, 0.55, 0.2, 0.05]).astype(np.int32),
        shape=shape.astype(np.int32),
    )


VIEW, CLICK, PURCHASE = 0, 1, 2

AT_THE_PAUSE: tuple[tuple[int, int, int], ...] = (
    (0, 10 * HOUR_US, VIEW),
    (0, 10 * HOUR_US + 30 * MINUTE_US, CLICK),
    (0, 11 * HOUR_US + 1000, PURCHASE),
    (1, -10 * MINUTE_US, VIEW),
    (1, 20 * MINUTE_US, CLICK),
    (1, 50 * MINUTE_US, PURCHASE),
    (2, 12 * HOUR_US, VIEW),
    (2, 12 * HOUR_US, CLICK),
    (3, 12 * HOUR_US, CLICK),
    (3, 12 * HOUR_US + MINUTE_US, VIEW),
    (3, 12 * HOUR_US + 2 * MINUTE_US, PURCHASE),
)
"""Who of four people did what, when: pauses of 30 minutes and a millisecond more, a session across
midnight, a view and a click at one moment, and steps in the wrong order."""


def paused_of(config: WorldConfig, day: int) -> Actions:
    """Actions at the bounds of sessions and funnels, of people who differ from day to day."""
    who, when, name = (np.array(column, np.int64) for column in zip(*AT_THE_PAUSE, strict=True))
    count = len(who)
    zeros = np.zeros(count, np.int32)
    return Actions(
        number=numbers(IdKind.ACTION, day, CAPPED, count),
        ts=config.day_start_us(day) + when,
        written=zeros,
        drift=zeros,
        person=(40 + 4 * day + who).astype(np.int32),
        phone=np.zeros(count, np.bool_),
        platform=zeros,
        name=name.astype(np.int32),
        product=np.full(count, PRODUCTS - 1, np.int32),
        identified=zeros + 1,
        shape=zeros,
    )


CONVERSION_LAGS: tuple[tuple[int, float, float], ...] = (
    (0, 0.20, 0.004),
    (2, 0.12, 0.003),
    (26, 0.10, 0.006),
)
"""Hours between touch and conversion; the chance of a click, and of a view, to convert then."""


def conversions_of(config: WorldConfig, day: int, hour: int) -> Conversions:
    """Conversions of an hour: of people who clicked or saw, some hours before, and of others."""
    draw = rng(config, 8, day, hour)
    people, market = people_of(config), market_of(config)
    item_advertiser = np.array([item.advertiser for item in market.line_items])
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    for lag, of_click, of_view in CONVERSION_LAGS:
        touch_day, touch_hour = day + (hour - lag) // 24, (hour - lag) % 24
        if touch_day < 1:
            continue
        batch = batch_of(config, touch_day, touch_hour)
        for touches, chance in ((batch.clicks, of_click), (batch.impressions, of_view)):
            rows = np.flatnonzero(draw.random(len(touches)) < chance)
            wait = lag * HOUR_US + draw.integers(60, 1800, len(rows)) * SECOND_US
            advertiser = (
                touches.advertiser[rows]
                if isinstance(touches, Clicks)
                else item_advertiser[touches.line_item[rows]]
            )
            person = np.where(touches.personal[rows], touches.person[rows], NONE)
            found.append((touches.ts[rows] + wait, person, touches.phone[rows], advertiser))
    organic = max(1, round(hour_count(config, day, hour) * 0.006))
    start = config.day_start_us(day) + hour * HOUR_US
    found.append(
        (
            start + draw.integers(0, 3_600_000, organic) * 1000,
            np.where(draw.random(organic) < 0.3, NONE, draw.integers(0, len(people), organic)),
            np.zeros(organic, np.bool_),
            draw.integers(0, len(market.advertiser_ids), organic),
        )
    )
    ts, person, phone, advertiser = (np.concatenate(column) for column in zip(*found, strict=True))
    drawn = len(ts)
    kind = draw.choice(4, drawn, p=[0.6, 0.2, 0.15, 0.05])
    level = np.array([house[2] for house in HOUSES])[advertiser % len(HOUSES)]
    cents = (draw.lognormal(8.3, 0.7, drawn) * level).astype(np.int64)
    planted = _at_bounds(config, day, hour)
    ts, person, phone, advertiser, kind, cents = (
        np.concatenate(both)
        for both in zip((ts, person, phone, advertiser, kind, cents), planted, strict=True)
    )
    total = len(ts)
    return Conversions(
        number=numbers(IdKind.CONVERSION, day, hour, total),
        ts=ts.astype(np.int64),
        written=np.zeros(total, np.int32),
        drift=np.zeros(total, np.int32),
        person=person.astype(np.int32),
        phone=phone,
        advertiser=advertiser.astype(np.int32),
        kind=kind.astype(np.int32),
        cents=np.where(kind == 0, cents, NONE),
    )


BOUND_HOURS = (6, 19)
"""Hours with conversions at the bounds of attribution windows."""


def _at_bounds(config: WorldConfig, day: int, hour: int) -> tuple[np.ndarray, ...]:
    """Conversions exactly as long after a touch as its line item's window, and a microsecond more.

    Clicks are old ones that come late, as a day has no others; a few conversions are at the moment
    of a touch, which is none then. Moment, person, phone, advertiser, type, cents.
    """
    none = np.zeros(0, np.int64)
    if hour not in BOUND_HOURS:
        return none, none, none.astype(np.bool_), none, none, none
    items = market_of(config).line_items
    windows = np.array([item.view_window_hours for item in items], np.int64) * HOUR_US
    owners = np.array([item.advertiser for item in items], np.int64)
    parts: list[tuple[np.ndarray, ...]] = []
    for back in sorted({item.view_window_hours for item in items} | {0}):
        touch_day, touch_hour = day + (hour - back) // 24, (hour - back) % 24
        if touch_day < 1:
            continue
        seen = batch_of(config, touch_day, touch_hour).impressions
        window = windows[seen.line_item] if back else np.zeros(len(seen), np.int64)
        rows = np.flatnonzero(seen.personal & (seen.agent == 0) & (window == back * HOUR_US))[:6]
        beyond = np.arange(len(rows)) % 2 if back else np.zeros(len(rows), np.int64)
        parts.append(
            (
                seen.ts[rows] + window[rows] + beyond,
                seen.person[rows],
                seen.phone[rows],
                owners[seen.line_item[rows]],
            )
        )
    for slot in LATE if hour == BOUND_HOURS[-1] else ():
        batch = batch_of(config, day, slot)
        clicks = batch.clicks
        place = np.argsort(batch.impressions.number)
        spot = np.searchsorted(batch.impressions.number[place], clicks.impression)
        parent = place[spot.clip(0, len(place) - 1)]
        days = np.array([item.click_window_days for item in items], np.int64) * DAY_US
        moment = clicks.ts + days[batch.impressions.line_item[parent]]
        known = batch.impressions.number[parent] == clicks.impression
        is_past = moment < config.day_start_us(day) + DAY_US
        rows = np.flatnonzero(known & is_past & clicks.personal & (clicks.agent == 0))
        beyond = np.arange(len(rows)) % 2
        parts.append(
            (
                moment[rows] + beyond,
                clicks.person[rows],
                clicks.phone[rows],
                clicks.advertiser[rows],
            )
        )
    ts, person, phone, advertiser = (np.concatenate(column) for column in zip(*parts, strict=True))
    draw = rng(config, 40, day, hour)
    level = np.array([house[2] for house in HOUSES])[advertiser % len(HOUSES)]
    cents = (draw.lognormal(8.3, 0.7, len(ts)) * level).astype(np.int64)
    return ts, person, phone, advertiser, np.zeros(len(ts), np.int64), cents


def shifted(ts: Ints, midnight: int) -> Ints:
    """The same moments mirrored to the other side of a midnight, at most a day away."""
    return 2 * midnight - ts - 1
