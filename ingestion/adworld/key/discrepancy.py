"""Ours against what third parties reported, by day and line item.

- Theirs: the last version of a report that a poll saw, unless it is gone. Money by the rate of the
  day reported on.
- Ours: net impressions and net clicks of that UTC date; spend of the advertiser date of the same
  name, in the base currency. Line items and dates with none of the three are none of ours.
- Distance: theirs less ours, over ours. Within 5 % ok, within 10 % warning, beyond error; something
  against nothing is an error, nothing against nothing ok. The worst of the three is the row's.
- Every date and line item that one side knows is a row: once a reporter, or once without.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.events import ClickClass
from ingestion.adworld.key.exact import Answer, answer, rounded
from ingestion.adworld.key.groups import sums
from ingestion.adworld.key.money import Books
from ingestion.adworld.key.spend import in_base, spend_parts
from ingestion.adworld.market import polls

MEASURES = ("impressions", "clicks", "spend_base")
OK, WARNING = Fraction(5, 100), Fraction(10, 100)
WORST_FIRST = ("error", "warning", "ok")

Place = tuple[str, str]
"""Date and line item."""

Figures = tuple[Fraction | None, ...]
"""One for each measure; None where an amount has no rate."""


@dataclass(frozen=True)
class Row:
    """One date, line item and reporter; a side that is missing is None."""

    date: str
    line_item: str
    reporter: str | None
    ours: Figures | None
    theirs: Figures | None

    def distance(self, measure: int) -> Fraction | None:
        """(theirs - ours) / ours; None where that is not to be had."""
        if self.ours is None or self.theirs is None:
            return None
        ours, theirs = self.ours[measure], self.theirs[measure]
        return None if not ours or theirs is None else (theirs - ours) / ours

    def status(self, measure: int) -> str:
        """How far the two sides are apart."""
        if self.theirs is None:
            return "missing_theirs"
        if self.ours is None:
            return "missing_ours"
        distance = self.distance(measure)
        if distance is None:
            return "ok" if self.ours[measure] == self.theirs[measure] else "error"
        if abs(distance) <= OK:
            return "ok"
        return "warning" if abs(distance) <= WARNING else "error"

    def statuses(self) -> dict[str, str]:
        """Of each measure, and of the row."""
        found = [self.status(measure) for measure in range(len(MEASURES))]
        worst = next((status for status in WORST_FIRST if status in found), found[0])
        names = ("impression_status", "click_status", "spend_status", "discrepancy_status")
        return dict(zip(names, (*found, worst), strict=True))


def _counts(delivery: Delivery) -> dict[Place, list[Fraction]]:
    """Net impressions and net clicks."""
    counted: dict[Place, list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 3)
    of_impressions = delivery.dimensions()
    shown = np.flatnonzero(~delivery.invalid_impressions)
    of_clicks = delivery.click_dimensions(np.flatnonzero(delivery.classes == ClickClass.NET))
    grain = ("event_date", "line_item_id")
    parts = ({name: of_impressions[name].take(shown) for name in grain}, of_clicks)
    for measure, dimensions in enumerate(parts):
        for group, count in sums(dimensions, grain):
            counted[group[0][1], group[1][1]][measure] += count
    return counted


def ours_of(delivery: Delivery, books: Books) -> dict[Place, Figures]:
    """What we have of each date and line item."""
    ours = _counts(delivery)
    for (item, day, _), amount in in_base(books, spend_parts(books)).items():
        ours[day, books.item_ids[item]][2] += amount
    return {place: tuple(figures) for place, figures in ours.items() if any(figures)}


def theirs_of(delivery: Delivery, books: Books, day: int) -> dict[tuple[str, str, str], Figures]:
    """What was reported last, by date, line item and reporter."""
    theirs: dict[tuple[str, str, str], Figures] = {}
    for polled in polls(delivery.config, day):
        if polled.table != "third_party_reports" or polled.bad is not None:
            continue
        date, line_item, reporter = polled.key
        if polled.row is None:
            del theirs[date, line_item, reporter]
            continue
        row = polled.row
        amount = Fraction(row["spend_micros"], 1_000_000)
        theirs[date, line_item, reporter] = (
            Fraction(row["impressions"]),
            Fraction(row["clicks"]),
            books.rates.to_base(amount, row["currency"], date),
        )
    return theirs


def rows_of(
    ours: dict[Place, Figures], theirs: dict[tuple[str, str, str], Figures]
) -> Iterator[Row]:
    """Both sides, beside each other."""
    for (date, line_item, reporter), figures in theirs.items():
        yield Row(date, line_item, reporter, ours.get((date, line_item)), figures)
    reported = {place[:2] for place in theirs}
    for place, figures in ours.items():
        if place not in reported:
            yield Row(*place, None, figures, None)


def discrepancy_answers(delivery: Delivery, books: Books, day: int) -> Iterator[Answer | None]:
    """Sums of what was compared, rates of each row, and rows by status."""
    rows = list(rows_of(ours_of(delivery, books), theirs_of(delivery, books, day)))
    totals: dict[tuple[str, tuple[tuple[str, str], ...]], Fraction] = defaultdict(Fraction)
    counts: Counter[tuple[tuple[str, str], ...]] = Counter()
    for row in rows:
        place = {"line_item_id": row.line_item, "report_date": row.date}
        date = {"report_date": row.date}
        statuses = row.statuses()
        worst = {"discrepancy_status": statuses["discrepancy_status"]}
        for dims in ({**place, **worst}, {**date, **worst}):
            counts[tuple(dims.items())] += 1
        for name, status in statuses.items():
            counts[(name, status),] += 1
        if row.reporter is None:
            continue
        reporter = {"reporter": row.reporter}
        for measure, name in enumerate(MEASURES):
            for side, figures in (("compared", row.ours), ("third_party", row.theirs)):
                amount = None if figures is None else figures[measure]
                for dims in ({**place, **reporter}, {**date, **reporter}, reporter):
                    totals[f"{side}_{name}", tuple(dims.items())] += amount or 0
            distance = row.distance(measure)
            if distance is not None:
                short = name.removesuffix("s").removesuffix("_base")
                dims = {**place, **reporter}
                yield answer(f"{short}_discrepancy_rate", dims, rounded(distance))
    for (metric, group), total in totals.items():
        yield answer(metric, dict(group), total)
    for group, count in counts.items():
        yield answer("discrepancy_rows", dict(group), count)
