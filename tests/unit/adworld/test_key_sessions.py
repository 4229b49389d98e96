"""The rules of sessions and funnels on cases that fit in the head."""

import pytest

from ingestion.adworld.config import DAY_US, HOUR_US, SECOND_US
from ingestion.adworld.key.sessions import Action, reached_steps, session_starts

MINUTE = 60 * SECOND_US


def _starts(*times: int) -> list[bool]:
    return session_starts([Action(20_000 * DAY_US + ts, True, 0, 1, 0, 0, 0) for ts in times])


def test_a_pause_of_thirty_minutes_continues_and_a_microsecond_more_does_not() -> None:
    assert _starts(0, 30 * MINUTE) == [True, False]
    assert _starts(0, 30 * MINUTE + 1) == [True, True]


def test_midnight_ends_nothing() -> None:
    assert _starts(DAY_US - 10 * MINUTE, DAY_US + 20 * MINUTE) == [True, False]


def test_who_never_rests_begins_another_session_after_a_whole_date() -> None:
    times = range(18 * HOUR_US, 4 * DAY_US, 30 * MINUTE)
    starts = [ts for ts, is_start in zip(times, _starts(*times), strict=True) if is_start]
    assert starts == [18 * HOUR_US, 2 * DAY_US, 3 * DAY_US]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["view", "click", "purchase"], 3),
        (["click", "view", "purchase"], 1),
        (["view", "purchase", "click"], 2),
        (["click", "purchase"], 0),
        (["view", "add to basket", "view", "click"], 2),
    ],
)
def test_steps_count_in_their_order(names: list[str], expected: int) -> None:
    assert reached_steps(names) == expected
