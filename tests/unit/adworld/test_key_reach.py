"""The rules of frequency caps, and of ids that are one person, on cases that fit in the head."""

import pytest

from ingestion.adworld.config import DAY_US, HOUR_US
from ingestion.adworld.key.reach import is_one_too_many, joined

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


def test_ids_are_one_person_over_accounts_of_accounts() -> None:
    """The last set joins two groups that were apart; nobody has no group."""
    sets = [{5, 4}, {3, 2}, {9}, set(), {4, 3}]
    assert joined(sets) == {2: 2, 3: 2, 4: 2, 5: 2, 9: 9}
