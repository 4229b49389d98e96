import json

from hypothesis import given
from hypothesis import strategies as st

from ingestion.gaps import numbers
from ingestion.gaps.numbers import Hole, Line, Seen
from ingestion.producers.sender import _WINDOW


def islands(landed: list[int]) -> list[tuple[int, int]]:
    """Consecutive numbers of a batch, as the look finds them."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(landed)):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def missing(line: Line) -> set[int]:
    return {number for hole in line.holes for number in range(hole.first, hole.last + 1)}


BATCHES = st.lists(st.lists(st.integers(0, 40), max_size=12), max_size=8)


@given(BATCHES)
def test_holes_are_the_numbers_below_the_greatest_that_have_not_come(
    batches: list[list[int]],
) -> None:
    """In any order, with any repetition, in any batches."""
    line, landed = Line(), set[int]()
    for at, batch in enumerate(batches):
        landed |= set(batch)
        for first, last in islands(batch):
            line.add(first, last, at)
        assert line.next == max(landed, default=-1) + 1
        assert missing(line) == set(range(line.next)) - landed
        assert all(hole.missing == hole.last - hole.first + 1 for hole in line.holes)
        assert line.holes == sorted(line.holes, key=lambda hole: hole.first)


def test_a_hole_remembers_when_a_later_number_came_and_its_gap_when_it_is_cut() -> None:
    line = Line()
    line.add(10, 10, 7)
    line.holes[0].gap = "g"
    line.add(4, 5, 9)
    assert line.holes == [Hole(0, 3, 7, "g", 4), Hole(6, 9, 7, "g", 4)]


def test_too_many_holes_become_runs_whose_count_is_known(monkeypatch) -> None:
    monkeypatch.setattr(numbers, "_MOST_HOLES", 8)
    seen = Seen()
    seen.add(("p", number, number, number) for number in range(1, 19, 2))
    line = seen.lines["p"]
    assert len(line.holes) == 5
    assert line.holes[0] == Hole(0, 8, 9, "", 5)
    assert line.holes[0].is_run
    seen.add([("p", 4, 4, 50), ("p", 10, 10, 50)])
    assert line.holes[0] == Hole(0, 8, 9, "", 5), "nobody knows whether 4 was missing"
    assert [hole.first for hole in line.holes[1:]] == [12, 14, 16]


def test_what_a_producer_has_under_way_is_no_run() -> None:
    """Every second record of its window waits for one slow partition."""
    seen = Seen()
    seen.add(("p", number, number, 1) for number in range(1, _WINDOW, 2))
    assert sum(hole.missing for hole in seen.lines["p"].holes) == _WINDOW // 2
    seen.add(("p", number, number, 2) for number in range(0, _WINDOW, 2))
    assert seen.lines["p"] == Line(_WINDOW, [])


def test_runs_of_two_gaps_stay_two(monkeypatch) -> None:
    monkeypatch.setattr(numbers, "_MOST_HOLES", 4)
    seen = Seen()
    seen.add(("p", number, number, 1) for number in (1, 3))
    for hole in seen.lines["p"].holes:
        hole.gap = "noted"
    seen.add(("p", number, number, 2) for number in (5, 7, 9))
    assert [(hole.first, hole.last, hole.gap) for hole in seen.lines["p"].holes] == [
        (0, 2, "noted"),
        (4, 4, ""),
        (6, 6, ""),
        (8, 8, ""),
    ]


def test_what_was_seen_survives_its_way_into_a_property() -> None:
    seen = Seen(7)
    seen.add([("p", 3, 5, 11), ("q", 0, 9, 12)])
    assert Seen.from_json(json.loads(json.dumps(seen.to_json()))) == seen
