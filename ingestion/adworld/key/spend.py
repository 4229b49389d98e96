"""What is owed and what is paid: the one place that says which amounts of the books count.

Each part is converted by itself, sum by sum, and rounded; then the parts are added.
"""

from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction

from ingestion.adworld.key.money import Books, Money


def spend_parts(books: Books) -> tuple[Money, ...]:
    """What is billed, by line item, advertiser date and currency."""
    return (books.cpm, books.cpc, books.cpa)


def cost_parts(books: Books) -> tuple[Money, ...]:
    """What is paid, likewise."""
    credit_notes: Money = {place: -amount for place, amount in books.credits.items()}
    return (books.paid, credit_notes)


def added(parts: Iterable[Money]) -> Money:
    """All parts together, native."""
    total: Money = defaultdict(Fraction)
    for part in parts:
        for place, amount in part.items():
            total[place] += amount
    return total


def in_base(books: Books, parts: Iterable[Money]) -> Money:
    """All parts together, converted, by the currency they were in; without a rate, nothing."""
    return added(
        {
            (item, day, currency): books.rates.to_base(amount, currency, day) or Fraction(0)
            for (item, day, currency), amount in part.items()
        }
        for part in parts
    )
