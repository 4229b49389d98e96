"""The rules of frequency caps on cases that fit in the head."""

import pytest

from ingestion.adworld.config import DAY_US, HOUR_US
from ingestion.adworld.key.reach import is_one_too_many

NOON = 20_000 * DAY_US + 12 * HOUR_US


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([0, 1, 2], [False, False, True]),
        ([0, 1, 24 * HOUR_US], [False, False, True]),
        ([0, 1, 24 * HOUR_US + 1], [False, False, False]),
        ([0, 23 * HOUR_US, 25 * HOUR_US, 26 * HOUR_US], [False, False, False, True]),
    ],
)
def test_two_a_day_in_any_window_of_a_day(moments: list[int], expected: list[bool]) -> None:
    """The window ends at the impression and includes both ends."""
    seen = [NOON + moment for moment in moments]
    assert [is_one_too_many(seen, moment, 2, 24) for moment in seen] == expected
