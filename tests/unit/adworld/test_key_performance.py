"""Cells of a map on cases that fit in the head."""

import pytest

from ingestion.adworld.key.performance import CENTRES, cell_of
from ingestion.adworld.wire import PLACES


@pytest.mark.parametrize(
    ("degrees", "cell"), [("52.52", 525), ("0.30", 3), ("-0.13", -2), ("-0.10", -1), ("0.00", 0)]
)
def test_a_cell_is_a_tenth_of_a_degree_and_counted_downwards(degrees: str, cell: int) -> None:
    assert cell_of(degrees) == cell


def test_each_place_has_a_centre_of_its_country() -> None:
    assert len(CENTRES) == len(PLACES)
