"""What is earned less what is paid, by month of the advertiser date and currency, and its worth.

- Base amounts are those of the books: sums of line item, date and currency, converted one by one.
- The average rate is that of all that was converted, billed and paid together.
- Revalued: the month's net amount by the newest rate that is known.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from ingestion.adworld.key.exact import Answer, answer, rounded
from ingestion.adworld.key.money import Books
from ingestion.adworld.key.spend import added, cost_parts, in_base, spend_parts

NEWEST = "9999-12-31"
"""After every date, so that the last rate holds."""


@dataclass
class Turnover:
    """Amounts of a month and currency."""

    billed: Fraction = Fraction(0)
    paid: Fraction = Fraction(0)
    billed_base: Fraction = Fraction(0)
    paid_base: Fraction = Fraction(0)


def turnovers(books: Books) -> dict[tuple[str, str], Turnover]:
    """By first date of the month, and currency."""
    found: dict[tuple[str, str], Turnover] = defaultdict(Turnover)
    for (_, day, currency), amount in added(spend_parts(books)).items():
        found[f"{day[:7]}-01", currency].billed += amount
    for (_, day, currency), amount in in_base(books, spend_parts(books)).items():
        found[f"{day[:7]}-01", currency].billed_base += amount
    for (_, day, currency), amount in added(cost_parts(books)).items():
        found[f"{day[:7]}-01", currency].paid += amount
    for (_, day, currency), amount in in_base(books, cost_parts(books)).items():
        found[f"{day[:7]}-01", currency].paid_base += amount
    return found


def exposure_answers(books: Books) -> Iterator[Answer | None]:
    """Net amounts, rates and revaluation of each month and currency."""
    for (month, currency), turnover in turnovers(books).items():
        dims = {"month": month, "currency": currency}
        net = turnover.billed - turnover.paid
        net_base = turnover.billed_base - turnover.paid_base
        yield answer("fx_net_exposure", dims, net)
        yield answer("fx_net_exposure_base", dims, net_base)
        converted = turnover.billed + turnover.paid
        if converted:
            applied = (turnover.billed_base + turnover.paid_base) / converted
            yield answer("fx_average_rate", dims, rounded(applied))
        revalued = books.rates.to_base(net, currency, NEWEST)
        if revalued is not None:
            yield answer("fx_revalued_base", dims, revalued)
            yield answer("fx_revaluation_base", dims, revalued - net_base)
