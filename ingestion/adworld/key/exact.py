"""Exact numbers: rounding half away from zero, and one text for every value."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

SCALE = 1_000_000_000
"""Decimals have nine places."""


@dataclass(frozen=True, order=True)
class Answer:
    """One true value.

    Attributes:
        metric: What is measured.
        grain: The dimensions, joined by commas; `total` for none.
        dims: JSON object of dimension to text, keys sorted.
        value: Exact decimal text, without exponent and trailing zeros.
    """

    metric: str
    grain: str
    dims: str
    value: str


def rounded(value: Fraction) -> Fraction:
    """To nine decimals, half away from zero."""
    billionths = abs(value) * SCALE
    whole = (2 * billionths.numerator + billionths.denominator) // (2 * billionths.denominator)
    return Fraction(whole if value >= 0 else -whole, SCALE)


def text(value: Fraction | int) -> str:
    """Exact decimal text of a value that has at most nine decimals.

    Raises:
        ValueError: It has more.
    """
    scaled = Fraction(value) * SCALE
    if scaled.denominator != 1:
        raise ValueError(f"{value} has more than nine decimals")
    sign = "-" if scaled < 0 else ""
    whole, decimals = divmod(abs(int(scaled)), SCALE)
    return f"{sign}{whole}.{decimals:09d}".rstrip("0").rstrip(".")


def answer(metric: str, dims: Mapping[str, str], value: Fraction | int) -> Answer | None:
    """The answer for one group; none where the value is zero, as zeros are left out."""
    if value == 0:
        return None
    grain = ",".join(dims) or "total"
    return Answer(metric, grain, json.dumps(dict(sorted(dims.items()))), text(value))


def rate(numerator: int, denominator: int) -> Fraction | None:
    """The exact quotient, rounded; none where the denominator is zero."""
    return rounded(Fraction(numerator, denominator)) if denominator else None
