"""Plan and delivery on cases that fit in the head."""

from datetime import date
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from ingestion.adworld.key.pacing import Pace, pace_of

BERLIN = ZoneInfo("Europe/Berlin")
ROW = {
    "budget_micros": 300_000_000,
    "flight_start_at": "2026-03-27T23:00:00.000000Z",
    "flight_end_at": "2026-03-30T22:00:00.000000Z",
}


@pytest.mark.parametrize(
    ("day", "passed", "planned"),
    [
        ("2026-03-27", 0, 0),
        ("2026-03-28", 24, 100),
        ("2026-03-29", 48, 200),
        ("2026-04-02", 72, 300),
    ],
)
def test_every_date_has_the_same_part_also_where_clocks_change(
    day: str, passed: int, planned: int
) -> None:
    pace = pace_of(ROW, date.fromisoformat(day), BERLIN, Fraction(0))
    assert (pace.passed, pace.hours, pace.planned) == (passed, 72, planned)


def test_an_hour_that_has_begun_does_not_count() -> None:
    row = {
        **ROW,
        "flight_start_at": "2026-03-28T11:59:00Z",
        "flight_end_at": "2026-03-29T05:00:00Z",
    }
    pace = pace_of(row, date(2026, 3, 28), BERLIN, Fraction(10))
    # 12:59 to 07:00 by the clock: twelve hours of nineteen.
    assert (pace.passed, pace.hours, pace.forecast) == (12, 19, Fraction(190, 12))


@pytest.mark.parametrize(
    ("delivered", "state"),
    [(89, "under"), (90, "on_track"), (110, "on_track"), (111, "over"), (300, "exhausted")],
)
def test_a_tenth_either_side_of_the_plan_is_on_track(delivered: int, state: str) -> None:
    assert pace_of(ROW, date(2026, 3, 28), BERLIN, Fraction(delivered)).state == state


def test_before_and_after_the_flight() -> None:
    before = pace_of(ROW, date(2026, 3, 27), BERLIN, Fraction(0))
    assert (before.state, before.index, before.forecast, before.needed) == (
        "not_started",
        None,
        None,
        Fraction(100),
    )
    after = pace_of(ROW, date(2026, 3, 30), BERLIN, Fraction(400))
    assert (after.state, after.index, after.needed) == ("ended", Fraction(4, 3), None)


def test_the_last_hours_need_what_is_left_and_not_more() -> None:
    pace = Pace(Fraction(90), Fraction(70), passed=12, hours=18, started=True, over=False)
    assert (pace.needed, pace.state) == (Fraction(20), "over")
    spent = Pace(Fraction(90), Fraction(95), passed=12, hours=18, started=True, over=False)
    assert spent.needed == 0
