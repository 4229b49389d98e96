"""What the advertiser owes: the one place that says which amounts of the books are spend."""

from collections import defaultdict
from fractions import Fraction

from ingestion.adworld.key.money import Books, Money


def spend(books: Books) -> Money:
    """What is billed, by line item, advertiser date and currency."""
    billed: Money = defaultdict(Fraction)
    for part in (books.cpm, books.cpc, books.cpa):
        for place, amount in part.items():
            billed[place] += amount
    return billed
