"""read = loaded + failed."""

from ingestion.landing import Tally


def test_tallies_add_up() -> None:
    first = Tally(10, 7, 3, {"parse": 1, "schema": 2}, 1)
    second = Tally(5, 4, 1, {"parse": 1}, 0)
    assert first + second == Tally(15, 11, 4, {"parse": 2, "schema": 2}, 1)
    assert sum([first, second], Tally()) == first + second
