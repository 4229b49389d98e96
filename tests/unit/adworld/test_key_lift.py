"""What an arm gains over its control, on cases that fit in the head."""

from fractions import Fraction

import pytest

from ingestion.adworld.key.lift import Trials, control_of, gain_of


@pytest.mark.parametrize(
    ("arms", "control"), [({"B", "A"}, "A"), ({"A", "control"}, "control"), ({"C"}, "C")]
)
def test_the_control_is_named_so_or_comes_first(arms: set[str], control: str) -> None:
    assert control_of(arms) == control


def test_a_doubled_rate_is_a_lift_of_one() -> None:
    """0.16 / 2500 + 0.09 / 2500 = 0.0001: an error of 0.01."""
    gain = gain_of(Trials(2500, 500), Trials(2500, 250))
    assert gain is not None
    assert (gain.difference, gain.lift) == (Fraction(1, 10), 1)
    assert (gain.low, gain.high) == (Fraction("0.08040036"), Fraction("0.11959964"))
    assert gain.is_significant


def test_no_difference_is_not_significant() -> None:
    gain = gain_of(Trials(2500, 250), Trials(2500, 250))
    assert gain is not None
    assert gain.low == -Fraction("0.016630845")
    assert not gain.is_significant


def test_what_cannot_be_compared_is_not() -> None:
    assert gain_of(Trials(0, 0), Trials(10, 1)) is None
    assert gain_of(Trials(10, 1), Trials(0, 0)) is None
    often = gain_of(Trials(10, 15), Trials(10, 0))
    assert often is not None
    assert (often.lift, often.low, often.is_significant) == (None, None, False)
