"""What exchanges auction: bid requests, our bids, what we win and what we are billed for.

Every impression that was bought on an exchange is a win that rendered: its request, bid and win
are made from it. Other requests reach a larger audience than the people who see our ads; on some
of them we bid, a few of those bids win, and none of these ever renders.

Rules that keep the numbers unambiguous:

- Of one auction: received < bid < won < rendered <= billed, by one clock, within seconds; but a
  few notices are dated up to 5 days later.
- The number of an impression tells its bid (`bid_of_impression`), so that nothing is looked up.
- An exchange bids, clears and bills in one currency.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ingestion.adworld.config import DAY_US, HOUR_US, WorldConfig, rng
from ingestion.adworld.frames import (
    NONE,
    Bids,
    Flags,
    Impressions,
    Ints,
    Notices,
    Requests,
    Small,
    Wins,
)
from ingestion.adworld.ids import (
    IdKind,
    auction_number,
    bid_number,
    id_of,
    numbers,
)
from ingestion.adworld.market import AGE_BANDS, FORMATS, GENDERS, market_of, weights_of
from ingestion.adworld.traffic import (
    EXCHANGES,
    batch_of,
    currency_of,
    people_of,
    placements_of,
    prices_of,
)

AUDIENCE = 2
"""People whom exchanges know, for one of the population."""

OTHERS = 0.45
"""Requests without an impression, for one impression."""

BID_ON = 0.5
"""Share of the other requests that we bid on."""

BID_ON_SECOND = 0.25
"""Share of the requests with a second slot that we bid on it as well."""

WON = 0.3
"""Share of the bids on other requests that win, and never render."""

UNBILLED = 0.03
"""Share of the rendered wins that no notice ever bills."""

BILLED_UNRENDERED = 0.4
"""Share of the wins that never rendered and are billed all the same."""

TWINS = 0.03
"""Share of the other requests whose id another exchange has given out as well; at least one."""

LATE_SLOTS = (12, 17)
"""Hours of which some notices come 1 to 5 days late; half of those are dated late as well."""

HELD_SLOT = 11
"""Hour of which some requests, bids and wins come a day late, after what refers to them."""

MOST_DAYS_LATE = 5
_MS = 1_000


@dataclass(frozen=True)
class Auctions:
    """What was auctioned in one slot of a day, and how many days late each record is sent."""

    requests: Requests
    bids: Bids
    wins: Wins
    notices: Notices
    requests_late: Small
    bids_late: Small
    wins_late: Small
    notices_late: Small


def rendered_slot(number: Ints) -> Ints:
    """The slot of its auction in which an impression rendered: mostly the first."""
    return (number % 5 == 0).astype(np.int64)


def bid_of_impression(number: Ints, exchange: NDArray[np.integer]) -> Ints:
    """The number of the bid that bought an impression; NONE for direct ones."""
    direct = exchange == NONE
    auction = auction_number(number, np.where(direct, 0, exchange))
    return np.where(direct, NONE, bid_number(auction, rendered_slot(number)))


@lru_cache(maxsize=8)
def auctions_of(config: WorldConfig, day: int, slot: int) -> Auctions:
    """All auctions of one slot."""
    return _Slot(config, day, slot).auctions()


class _Slot:
    """Draws the auctions of one slot."""

    def __init__(self, config: WorldConfig, day: int, slot: int) -> None:
        self.config = config
        self.day = day
        self.slot = slot
        self.draw = rng(config, 9, day, slot)

    def auctions(self) -> Auctions:
        impressions = batch_of(self.config, self.day, self.slot).impressions
        bought = impressions.take(impressions.exchange != NONE)
        requests = self.requests_of(bought)
        bids = self.bids_of(bought, requests)
        wins = self.wins_of(bought, bids)
        notices, late = self.notices_of(bought, wins)
        lost = self.bids_on(requests, BID_ON_SECOND, first=False)
        if self.slot < 24:
            others = self.others(requests, max(2, round(len(impressions) * OTHERS)))
            tried = Bids.join(
                [
                    self.bids_on(others, BID_ON, first=True),
                    self.bids_on(others, BID_ON_SECOND, first=False),
                ]
            )
            never = self.unrendered(tried.take(self.chance(len(tried), WON)))
            billed = self.billed(never.take(self.chance(len(never), BILLED_UNRENDERED)))
            requests = Requests.join([requests, others])
            bids = Bids.join([bids, lost, tried])
            wins = Wins.join([wins, never])
            notices = Notices.join([notices, billed])
            late = np.concatenate([late, np.zeros(len(billed), np.int32)])
        else:
            bids = Bids.join([bids, lost])
        return Auctions(
            requests,
            bids,
            wins,
            notices,
            self.held(len(requests)),
            self.held(len(bids)),
            self.held(len(wins)),
            late,
        )

    def chance(self, count: int, share: float) -> Flags:
        return self.draw.random(count) < share

    def held(self, count: int) -> Small:
        """Records of the slot that is held back come a day late."""
        share = 0.06 if self.slot == HELD_SLOT else 0.0
        return self.chance(count, share).astype(np.int32)

    def after(self, ts: Ints, least_ms: int, most_ms: int) -> Ints:
        return ts + self.draw.integers(least_ms, most_ms, len(ts)) * _MS

    # ------------------------------------------------------------ auctions that rendered

    def requests_of(self, bought: Impressions) -> Requests:
        count = len(bought)
        main = rendered_slot(bought.number)
        of_items = np.array([item.ad_format for item in market_of(self.config).line_items])
        return Requests(
            number=auction_number(bought.number, bought.exchange),
            ts=bought.ts - self.draw.integers(400, 2_000, count) * _MS,
            written=np.zeros(count, np.int32),
            drift=np.zeros(count, np.int32),
            exchange=bought.exchange,
            person=bought.person,
            phone=bought.phone,
            known=bought.personal & ~self.chance(count, 0.02),
            device=bought.device,
            country=bought.country,
            age_band=self.told(bought.person, AGE_BANDS),
            gender=self.told(bought.person, GENDERS),
            imps=np.maximum(self.imps(count), main + 1).astype(np.int32),
            formats=self.formats(main, of_items[bought.line_item]),
            placement=bought.placement,
            main=main.astype(np.int32),
            agent=bought.agent,
        )

    def told(self, person: Small, texts: tuple[str, ...]) -> Small:
        """What the exchange says of a person: mostly what is so, sometimes nothing."""
        told = demographic(person, texts)
        return np.where(self.chance(len(person), 0.03), NONE, told).astype(np.int32)

    def imps(self, count: int) -> Ints:
        return self.draw.choice(np.array([1, 2, 3]), count, p=[0.6, 0.3, 0.1])

    def formats(self, main: Ints, ad_format: NDArray[np.integer]) -> Small:
        """Any formats, but that of the main slot as given."""
        drawn = self.draw.integers(0, 8, len(main))
        return ((drawn & ~(1 << main)) | (ad_format.astype(np.int64) << main)).astype(np.int32)

    def bids_of(self, bought: Impressions, requests: Requests) -> Bids:
        count = len(bought)
        premium = 1.0 + self.draw.random(count) * 0.6
        return Bids(
            number=bid_of_impression(bought.number, bought.exchange),
            ts=self.after(requests.ts, 10, 120),
            written=np.zeros(count, np.int32),
            drift=np.zeros(count, np.int32),
            line_item=bought.line_item,
            creative=bought.creative,
            price=(bought.price * premium).astype(np.int64),
            currency=bought.currency,
        )

    def wins_of(self, bought: Impressions, bids: Bids) -> Wins:
        return Wins(
            number=bids.number,
            ts=self.after(bids.ts, 20, 200),
            written=bids.written,
            drift=bids.drift,
            price=bought.price,
            currency=bought.currency,
        )

    def notices_of(self, bought: Impressions, wins: Wins) -> tuple[Notices, Small]:
        """Notices of rendered wins, and how many days late each comes."""
        rows = np.flatnonzero(~self.chance(len(bought), UNBILLED))
        count = len(rows)
        share = 0.25 if self.slot in LATE_SLOTS else 0.0
        days = np.where(
            self.chance(count, share), self.draw.integers(1, MOST_DAYS_LATE + 1, count), 0
        )
        dated = np.where(self.chance(count, 0.5), days, 0) * DAY_US
        early = np.where(dated > 0, self.draw.integers(0, 6 * 3_600, count), 0) * 1_000 * _MS
        notices = self.billed(wins.take(rows), bought.ts[rows])
        return notices.but(ts=notices.ts + dated - early), days.astype(np.int32)

    def billed(self, wins: Wins, since: Ints | None = None) -> Notices:
        return Notices(
            number=wins.number,
            ts=self.after(wins.ts if since is None else since, 0, 60_000),
            written=wins.written,
            drift=wins.drift,
        )

    # ------------------------------------------------------------ the other auctions

    def others(self, rendered: Requests, count: int) -> Requests:
        """Requests for people of the whole audience; a few share their id with another one."""
        people = people_of(self.config)
        exchange = self.draw.integers(0, len(EXCHANGES), count)
        number = numbers(IdKind.AUCTION, self.day, self.slot, count)
        twins = min(len(rendered), max(1, round(count * TWINS)))
        like = self.draw.permutation(len(rendered))[:twins]
        exchange[:twins] = (rendered.exchange[like] + 1) % len(EXCHANGES)
        number[:twins] = id_of(rendered.number[like])
        person = self.draw.integers(0, len(people) * AUDIENCE, count)
        like_person = person % len(people)
        phone = self.draw.random(count) < people.phone[like_person]
        handheld = people.handheld[like_person] | phone
        device = np.where(handheld, 1 + (person % 7 == 0), 0)
        ad_format = self.draw.integers(0, len(FORMATS), count)
        start = self.config.day_start_us(self.day) + self.slot * HOUR_US
        main = np.zeros(count, np.int64)
        known = (people.personal[like_person] | (person >= len(people))) & ~self.chance(count, 0.02)
        country = np.where(self.chance(count, 0.01), NONE, people.country[like_person])
        return Requests(
            number=auction_number(number, exchange),
            ts=start + np.sort(self.draw.integers(0, HOUR_US, count)),
            written=np.zeros(count, np.int32),
            drift=np.zeros(count, np.int32),
            exchange=exchange.astype(np.int32),
            person=person.astype(np.int32),
            phone=phone,
            known=known,
            device=np.where(self.chance(count, 0.08), 3, device).astype(np.int32),
            country=country.astype(np.int32),
            age_band=self.told(person.astype(np.int32), AGE_BANDS),
            gender=self.told(person.astype(np.int32), GENDERS),
            imps=self.imps(count).astype(np.int32),
            formats=self.formats(main, ad_format),
            placement=placements_of(self.config, self.draw, self.day, ad_format).astype(np.int32),
            main=main.astype(np.int32),
            agent=np.zeros(count, np.int32),
        )

    def bids_on(self, requests: Requests, share: float, *, first: bool) -> Bids:
        """Bids on the main slot of some requests, or on the other one of those that have two."""
        wanted = self.chance(len(requests), share)
        rows = np.flatnonzero(wanted & (first | (requests.imps > 1)))
        slot = np.zeros(len(rows), np.int64) if first else 1 - requests.main[rows]
        line_item, creative = self.offers(requests.formats[rows] >> slot & 1)
        exchange = requests.exchange[rows]
        return Bids(
            number=bid_number(requests.number[rows], slot),
            ts=self.after(requests.ts[rows], 10, 120),
            written=np.zeros(len(rows), np.int32),
            drift=np.zeros(len(rows), np.int32),
            line_item=line_item,
            creative=creative,
            price=prices_of(self.draw, currency_of(exchange)),
            currency=currency_of(exchange).astype(np.int32),
        )

    def offers(self, ad_format: NDArray[np.integer]) -> tuple[Small, Small]:
        """A line item in flight for each slot, by format, and one of its creatives."""
        items = market_of(self.config).line_items
        weights = weights_of(items, (self.day - 1) * 24 + min(self.slot, 23))
        formats = np.array([item.ad_format for item in items])
        drawn, arm = self.draw.random(len(ad_format)), self.draw.integers(0, 60, len(ad_format))
        line_item = np.zeros(len(ad_format), np.int64)
        for value in range(len(FORMATS)):
            fitting = weights * (formats == value)
            chosen = np.searchsorted(np.cumsum(fitting / fitting.sum()), drawn)
            line_item = np.where(ad_format == value, chosen.clip(0, len(items) - 1), line_item)
        creatives = [items[n].creatives for n in line_item.tolist()]
        creative = [c[a % len(c)] for c, a in zip(creatives, arm.tolist(), strict=True)]
        return line_item.astype(np.int32), np.array(creative, np.int32)

    def unrendered(self, bids: Bids) -> Wins:
        """Wins that clear at half of the bid or more, and whose creative nobody sees."""
        discount = 0.5 + 0.5 * self.draw.random(len(bids))
        return Wins(
            number=bids.number,
            ts=self.after(bids.ts, 20, 200),
            written=bids.written,
            drift=bids.drift,
            price=(bids.price * discount).astype(np.int64),
            currency=bids.currency,
        )


def demographic(person: NDArray[np.integer], texts: tuple[str, ...]) -> Ints:
    """Age band or gender of people, as their profiles have it; NONE for those who never said."""
    code = person.astype(np.int64) // 3 % (len(texts) + 1)
    return np.where(code == len(texts), NONE, code)
