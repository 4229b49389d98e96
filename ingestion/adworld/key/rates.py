"""Exchange rates, and how an amount gets into the base currency."""

from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction

from ingestion.adworld.config import WorldConfig
from ingestion.adworld.fx import seen
from ingestion.adworld.key.exact import rounded

BASE = "EUR"


class Rates:
    """Exchange rates as far as they are known.

    Args:
        known: Base, quote, date, and units of quote for one unit of base; of two rates of one
            pair and date the later one in this order counts.
    """

    def __init__(self, known: Iterable[tuple[str, str, str, Fraction]]) -> None:
        self._of_pair: dict[tuple[str, str], dict[str, Fraction]] = defaultdict(dict)
        for base, quote, day, rate in known:
            self._of_pair[base, quote][day] = rate

    def rate(self, base: str, quote: str, day: str) -> Fraction | None:
        """The rate of a day, else the last one before it; ISO dates sort as they pass."""
        rates = self._of_pair.get((base, quote), {})
        earlier = [known for known in rates if known <= day]
        return rates[max(earlier)] if earlier else None

    def convert(self, amount: Fraction, source: str, target: str, day: str) -> Fraction | None:
        """By the pair, else by its inverse, rounded; none where there is neither."""
        if source == target:
            return rounded(amount)
        direct = self.rate(source, target, day)
        if direct is not None:
            return rounded(amount * direct)
        inverse = self.rate(target, source, day)
        return None if inverse is None else rounded(amount / inverse)

    def to_base(self, amount: Fraction, currency: str, day: str) -> Fraction | None:
        """In the base currency: pair, else inverse, else by way of USD."""
        converted = self.convert(amount, currency, BASE, day)
        if converted is not None:
            return converted
        dollars = self.convert(amount, currency, "USD", day)
        return None if dollars is None else self.convert(dollars, "USD", BASE, day)


def rates_known(config: WorldConfig, day: int) -> Rates:
    """The rates that the API has shown by the end of a day."""
    return Rates(
        (*rate.pair, rate.document["rate_date"], Fraction(rate.document["rate"]))
        for rate in seen(config, day)
        if rate.bad is None
    )
