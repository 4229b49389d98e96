"""Plan and delivery of line items, at the end of every advertiser date of their flights.

- Dates go up to the newest UTC date that has an impression, or a click that is no orphan. A line
  item that has not started by then has that date alone.
- The end of a date is midnight by the advertiser's clock, in the zone that it has at the end of the
  UTC date of the same name. Line items are as they were right before that end.
- Hours are counted by that clock: 24 a date, whatever clocks do; an hour that has begun is none.
- Planned: budget times passed hours over all hours. Delivered: everything billed by then in the
  line item's currency. Index: delivered over planned. Forecast: delivered over the passed part.
  Needed: what is left of the budget over the days that are left, at least one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np

from ingestion.adworld.config import DAY_US
from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.events import ClickClass
from ingestion.adworld.key.exact import Answer, answer, rounded
from ingestion.adworld.key.groups import date_text
from ingestion.adworld.key.money import Books
from ingestion.adworld.key.spend import added, spend_parts
from ingestion.adworld.market import Row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
HOURS = 24


@dataclass(frozen=True)
class Pace:
    """A line item at the end of a date.

    Attributes:
        budget: Of the whole flight.
        delivered: Up to now.
        passed: Hours of the flight that have passed.
        hours: All hours of the flight.
        started: Whether the flight has begun.
        over: Whether it has ended.
    """

    budget: Fraction
    delivered: Fraction
    passed: int
    hours: int
    started: bool
    over: bool

    @property
    def planned(self) -> Fraction:
        """What was to be delivered by now."""
        return self.budget * self.passed / self.hours

    @property
    def index(self) -> Fraction | None:
        """Delivered over planned, as both are shown."""
        planned = rounded(self.planned)
        return self.delivered / planned if planned else None

    @property
    def forecast(self) -> Fraction | None:
        """What the flight ends at if it goes on so."""
        return self.delivered * self.hours / self.passed if self.passed else None

    @property
    def needed(self) -> Fraction | None:
        """A day, from now on."""
        if self.passed == self.hours:
            return None
        days = max(Fraction(self.hours - self.passed, HOURS), Fraction(1))
        return max(self.budget - self.delivered, Fraction(0)) / days

    @property
    def state(self) -> str:
        """The first that holds."""
        if not self.started:
            return "not_started"
        if self.over:
            return "ended"
        if self.delivered >= self.budget:
            return "exhausted"
        planned = rounded(self.planned)
        if self.delivered < planned * 9 / 10:
            return "under"
        return "over" if self.delivered > planned * 11 / 10 else "on_track"


def micros(moment: datetime) -> int:
    """Epoch microseconds."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def clock_hours(since: datetime, until: datetime) -> int:
    """Hours between two local times, by the clock; the begun hours of both do not count."""
    return (until.date() - since.date()).days * HOURS + until.hour - since.hour


def pace_of(row: Row, day: date, zone: ZoneInfo, delivered: Fraction) -> Pace:
    """How a version of a line item stands at the end of a date."""
    start, end = (
        datetime.fromisoformat(row[name]).astimezone(zone)
        for name in ("flight_start_at", "flight_end_at")
    )
    now = datetime.combine(day + ONE_DAY, time(), zone)
    hours = clock_hours(start, end)
    if start.astimezone(UTC) >= now.astimezone(UTC):
        passed = 0
    elif end.astimezone(UTC) <= now.astimezone(UTC):
        passed = hours
    else:
        passed = clock_hours(start, now)
    return Pace(
        budget=Fraction(row["budget_micros"], 1_000_000),
        delivered=delivered,
        passed=passed,
        hours=hours,
        started=start.astimezone(UTC) < now.astimezone(UTC),
        over=end.astimezone(UTC) <= now.astimezone(UTC),
    )


def newest_date(delivery: Delivery) -> date:
    """The newest UTC date of an impression, or of a click that has one."""
    moments = [
        delivery.impressions["ts"],
        delivery.clicks["ts"][delivery.classes != ClickClass.ORPHAN],
    ]
    return date.fromisoformat(date_text(int(np.concatenate(moments).max()) // DAY_US))


def paces(delivery: Delivery, books: Books) -> Iterator[tuple[str, date, Pace]]:
    """Every line item on every date that is a row."""
    newest = newest_date(delivery)
    billed: dict[tuple[int, str], dict[str, Fraction]] = defaultdict(dict)
    for (item, of_date, currency), amount in added(spend_parts(books)).items():
        billed[item, currency][of_date] = amount
    for item, versions in enumerate(books.items.rows):
        if not versions:
            continue
        owner = delivery.market.line_items[item].advertiser
        starts = [datetime.fromisoformat(row["flight_start_at"]).date() for row in versions]
        day = min(min(starts) - ONE_DAY, newest)
        while day <= newest:
            end_of_utc_date = datetime.combine(day + ONE_DAY, time(), UTC)
            advertiser = books.advertisers.at(owner, micros(end_of_utc_date))
            zone = ZoneInfo(advertiser["time_zone"])
            begin = datetime.combine(day, time(), zone).astimezone(UTC)
            now = datetime.combine(day + ONE_DAY, time(), zone).astimezone(UTC)
            row = books.items.at(item, micros(now) - 1)
            amounts = billed[item, row["currency"]].items()
            delivered = sum((amount for of, amount in amounts if of <= str(day)), Fraction(0))
            pace = pace_of(row, day, zone, delivered)
            ended_before = datetime.fromisoformat(row["flight_end_at"]) <= begin
            if (pace.started and not ended_before) or (not pace.started and day == newest):
                yield books.item_ids[item], day, pace
            day += ONE_DAY


def pacing_answers(delivery: Delivery, books: Books) -> Iterator[Answer | None]:
    """Plan, delivery, index, forecast and need of each row; rows by state."""
    states: Counter[tuple[tuple[str, str], ...]] = Counter()
    for line_item, day, pace in paces(delivery, books):
        dims = {"line_item_id": line_item, "advertiser_date": day.isoformat()}
        yield answer("pacing_budget", dims, pace.budget)
        yield answer("pacing_elapsed", dims, rounded(Fraction(pace.passed, pace.hours)))
        yield answer("pacing_planned", dims, rounded(pace.planned))
        yield answer("pacing_delivered", dims, pace.delivered)
        for metric, value in (
            ("pacing_index", pace.index),
            ("pacing_forecast", pace.forecast),
            ("pacing_needed", pace.needed),
        ):
            if value is not None:
                yield answer(metric, dims, rounded(value))
        state = ("pacing_state", pace.state)
        for group in (
            (*dims.items(), state),
            (("advertiser_date", dims["advertiser_date"]), state),
        ):
            states[group] += 1
    for group, count in states.items():
        yield answer("pacing_rows", dict(group), count)
