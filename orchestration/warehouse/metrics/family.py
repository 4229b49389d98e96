"""A family of metrics: one relation with dimensions and measures, summed at grains."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

Number = Decimal | int
Measures = Mapping[str, Number | None]

SCALE = 9
"""Decimals of a rate."""


def rate(numerator: Number | Fraction | None, denominator: Number | None) -> Decimal | None:
    """The exact quotient to nine decimals, half away from zero; None over zero."""
    if not denominator:
        return None
    quotient = Fraction(numerator or 0) / Fraction(denominator) * 10**SCALE
    whole, rest = divmod(abs(quotient.numerator), quotient.denominator)
    whole += 2 * rest >= quotient.denominator
    # Through text: arithmetic on decimals would round to the precision of the context.
    return Decimal(f"{'-' if quotient < 0 else ''}{whole}e-{SCALE}")


def as_measured(measures: Measures, _grain: str) -> dict[str, Number | None]:
    """Every measure is a metric of the same name."""
    return dict(measures)


@dataclass(frozen=True)
class Family:
    """Metrics that come from one relation.

    Attributes:
        relation: What follows FROM.
        measures: Aggregates by name; the sums that metrics are computed from.
        dimensions: Expressions of the dimensions by name.
        grains: Dimensions joined by commas, or `total`.
        compute: Metrics from the measures of one group, and the grain.
        error: The measure that is the relative standard error of the others, where they may be
            estimates; it is no metric itself.
    """

    relation: str
    measures: Mapping[str, str]
    dimensions: Mapping[str, str]
    grains: tuple[str, ...]
    compute: Callable[[Measures, str], Mapping[str, Number | None]] = as_measured
    error: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the measures, in the order of the statement."""
        return tuple(self.measures)

    def statement(self, grain: str) -> str:
        """SELECT of the dimensions of a grain, then the measures."""
        names = [] if grain == "total" else grain.split(",")
        chosen = [self.dimensions[name] for name in names]
        columns = ", ".join([*chosen, *self.measures.values()])
        where = " and ".join(f"({expression}) is not null" for expression in chosen)
        group = ", ".join(str(place + 1) for place in range(len(chosen)))
        return (
            f"select {columns} from {self.relation}"
            f"{f' where {where}' if where else ''}{f' group by {group}' if group else ''}"
        )
