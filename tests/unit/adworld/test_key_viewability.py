"""The rules of viewability on cases that fit in the head."""

import pytest

from ingestion.adworld.key.viewability import Interval, is_viewable


def _display(*intervals: tuple[int, int, int]) -> bool:
    """Start, end, percent."""
    seen = [Interval(start, end, percent, False, start) for start, end, percent in intervals]
    return is_viewable(seen, is_video=False, percent=50)


def _video(*intervals: tuple[int, int, int], playing: bool = True) -> bool:
    """Start, end, position."""
    seen = [Interval(start, end, 100, playing, position) for start, end, position in intervals]
    return is_viewable(seen, is_video=True, percent=50)


def test_the_worked_example() -> None:
    assert _display((0, 400, 60), (500, 1300, 55))
    assert is_viewable([Interval(0, 1000, 35, False, 0)], is_video=False, percent=30)
    assert not _display((0, 600, 80), (900, 1700, 80))


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([(0, 1000, 50)], True),
        ([(0, 999, 50)], False),
        ([(0, 1000, 49)], False),
        ([(0, 400, 60), (600, 1000, 60)], True),
        ([(0, 400, 60), (601, 1400, 60)], False),
        ([(0, 500, 60), (500, 600, 20), (600, 1100, 60)], False),
        ([(0, 700, 60), (300, 1000, 60)], True),
        ([(0, 900, 60), (100, 200, 10), (300, 700, 60), (1000, 1299, 60)], False),
    ],
)
def test_a_second_of_display(intervals: list[tuple[int, int, int]], expected: bool) -> None:
    assert _display(*intervals) is expected


def test_two_seconds_of_content() -> None:
    assert _video((0, 1000, 0), (1200, 2200, 1000))
    assert not _video((0, 1000, 0), (1200, 2199, 1000))
    assert not _video((0, 5000, 0), playing=False)


def test_content_that_is_played_twice_counts_once() -> None:
    assert not _video((0, 1200, 0), (1200, 2400, 0))
    assert _video((0, 1200, 0), (1200, 2400, 800))


def test_a_pause_ends_the_stretch() -> None:
    intervals = [
        Interval(0, 1500, 100, True, 0),
        Interval(1500, 1600, 100, False, 1500),
        Interval(1600, 3100, 100, True, 1500),
    ]
    assert not is_viewable(intervals, is_video=True, percent=50)
