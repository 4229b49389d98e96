"""Ours against theirs, on cases that fit in the head."""

from fractions import Fraction

import pytest

from ingestion.adworld.key.discrepancy import Row, rows_of


def _figures(*values: int) -> tuple[Fraction, ...]:
    return tuple(map(Fraction, values))


@pytest.mark.parametrize(
    ("ours", "theirs", "status"),
    [
        (100, 105, "ok"),
        (100, 95, "ok"),
        (1000, 1051, "warning"),
        (100, 90, "warning"),
        (1000, 899, "error"),
        (0, 0, "ok"),
        (0, 1, "error"),
        (1, 0, "error"),
    ],
)
def test_five_percent_is_ok_and_ten_percent_a_warning(ours: int, theirs: int, status: str) -> None:
    row = Row("2026-03-28", "L1", "V", _figures(ours, 1, 1), _figures(theirs, 1, 1))
    assert row.status(0) == status
    assert row.statuses()["discrepancy_status"] == status


def test_the_distance_is_measured_from_ours() -> None:
    row = Row("2026-03-28", "L1", "V", _figures(4, 0, 2), _figures(5, 1, 2))
    assert [row.distance(measure) for measure in range(3)] == [Fraction(1, 4), None, 0]


def test_an_amount_without_a_rate_is_an_error_and_has_no_distance() -> None:
    row = Row("2026-03-28", "L1", "V", _figures(1, 1, 1), (Fraction(1), Fraction(1), None))
    assert (row.distance(2), row.status(2)) == (None, "error")


def test_each_reporter_is_a_row_and_what_nobody_reported_is_one() -> None:
    ours = {("2026-03-28", "L1"): _figures(1, 1, 1), ("2026-03-28", "L2"): _figures(2, 2, 2)}
    theirs = {
        ("2026-03-28", "L1", "V"): _figures(1, 1, 1),
        ("2026-03-28", "L1", "W"): _figures(3, 3, 3),
        ("2026-03-29", "L1", "V"): _figures(0, 0, 0),
    }
    found = {
        (row.date, row.line_item, row.reporter): row.statuses()["discrepancy_status"]
        for row in rows_of(ours, theirs)
    }
    assert found == {
        ("2026-03-28", "L1", "V"): "ok",
        ("2026-03-28", "L1", "W"): "error",
        ("2026-03-29", "L1", "V"): "missing_ours",
        ("2026-03-28", "L2", None): "missing_theirs",
    }
