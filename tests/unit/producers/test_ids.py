import uuid

import pytest

from ingestion.producers.ids import TimeOrderedIds


class Clock:
    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def test_an_id_is_a_uuid_of_version_7_that_begins_with_the_time() -> None:
    minted = uuid.UUID(TimeOrderedIds(0, Clock(1_775_000_000_123)).mint())
    assert (minted.version, minted.variant) == (7, uuid.RFC_4122)
    assert minted.int >> 80 == 1_775_000_000_123


def test_ids_of_one_millisecond_grow() -> None:
    ids = TimeOrderedIds(0, Clock(1_775_000_000_000))
    made = [ids.mint() for _ in range(20_000)]
    assert made == sorted(set(made))
    assert all(uuid.UUID(each).version == 7 for each in made)


@pytest.mark.parametrize("back", [1, 3_600_000])
def test_ids_grow_when_the_clock_goes_back(back: int) -> None:
    clock = Clock(1_775_000_000_000)
    ids = TimeOrderedIds(0, clock)
    made = [ids.mint()]
    clock.now -= back
    made += [ids.mint() for _ in range(1_000)]
    assert made == sorted(set(made))
    assert ids.milliseconds == 1_775_000_000_000
    clock.now += back + 1
    assert ids.mint() > made[-1]
    assert ids.milliseconds == 1_775_000_000_001


def test_ids_grow_over_a_restart_with_a_clock_that_is_behind() -> None:
    first = TimeOrderedIds(0, Clock(1_775_000_000_000))
    newest = [first.mint() for _ in range(100)][-1]
    second = TimeOrderedIds(first.milliseconds, Clock(1_700_000_000_000))
    assert second.mint() > newest


def test_a_millisecond_that_runs_over_goes_on_with_the_next() -> None:
    ids = TimeOrderedIds(0, Clock(1_775_000_000_000))
    before = ids.mint()
    ids._tail = (1 << 74) - 1
    assert ids.mint() > before
    assert ids.milliseconds == 1_775_000_000_001
