"""What is owed and what is paid: the one place that says which amounts of the books count.

Each amount of a part is converted by itself and rounded; then the parts are added. Credit notes are
amounts of their own, all others sums of line item, date and currency.
"""

from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction

from ingestion.adworld.key.money import Amounts, Books, Money


def spend_parts(books: Books) -> tuple[Amounts, ...]:
    """What is billed, by line item, advertiser date and currency."""
    return (books.cpm.items(), books.cpc.items(), books.cpa.items())


def cost_parts(books: Books) -> tuple[Amounts, ...]:
    """What is paid, likewise, less the credit notes."""
    return (books.paid.items(), [(place, -amount) for place, amount in books.notes])


def added(parts: Iterable[Amounts]) -> Money:
    """All parts together, native."""
    total: Money = defaultdict(Fraction)
    for part in parts:
        for place, amount in part:
            total[place] += amount
    return total


def in_base(books: Books, parts: Iterable[Amounts]) -> Money:
    """All parts together, converted, by the currency they were in; without a rate, nothing."""
    return added(
        [
            ((item, day, currency), books.rates.to_base(amount, currency, day) or Fraction(0))
            for (item, day, currency), amount in part
        ]
        for part in parts
    )
