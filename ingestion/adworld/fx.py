"""Exchange rates: which pairs exist, on which days, and when they become known.

Every way to the base currency (EUR) occurs: the pair itself (USD), only its inverse (GBP), and
two that need USD between (INR, quoted as a base; JPY, quoted as a quote). GBP also has a pair
with USD, which no conversion may use, because the inverse pair comes first.

Planted: no rates on weekends of the past; a pair that lacks a day; a whole day that is published
one day late, so that amounts are restated; unknown fields; rows that break their contract.
One rate of day 1 is restated on day 3: the API then shows the new one alone, and it is the one
that counts.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from ingestion.adworld.config import WorldConfig, rng
from ingestion.adworld.market import first_rate_date

PAIRS: tuple[tuple[str, str, int], ...] = (
    ("USD", "EUR", 921_500_000),
    ("EUR", "GBP", 856_300_000),
    ("INR", "USD", 11_986_420),
    ("USD", "JPY", 150_250_000_000),
    ("GBP", "USD", 1_267_000_000),
)
"""Base, quote, and rate in billionths on the first day."""

RESTATED: tuple[int, str, str, int] = (1, "USD", "EUR", 3)
"""Day and pair whose rate is restated, and the day on which it is."""

LATE_DAY = 2
"""The rates of this day are published with those of the next."""

MISSING: tuple[tuple[int, str, str], ...] = ((1, "INR", "USD"), (3, "USD", "JPY"))
"""Day and pair that is never published."""


@dataclass(frozen=True)
class Rate:
    """One published row.

    Attributes:
        published: Day (from 1) from which the API shows it.
        document: The row as the API sends it.
        bad: Class with which it breaks its contract; None for a good row.
        rate_date: The day it is for.
        withdrawn: Day from which another rate stands in its place; None for most.
    """

    published: int
    document: dict[str, Any]
    bad: str | None
    rate_date: date
    withdrawn: int | None = None

    @property
    def pair(self) -> tuple[str, str]:
        """Base and quote."""
        return (self.document["base"], self.document["quote"])


def decimal_text(billionths: int) -> str:
    """Nine decimals, as the API writes rates."""
    return f"{billionths // 1_000_000_000}.{billionths % 1_000_000_000:09d}"


def _dates(config: WorldConfig) -> list[tuple[date, int]]:
    """Dates with rates and the day each is published: months, then weekdays, then every day."""
    dates: list[tuple[date, int]] = []
    day = first_rate_date(config)
    recent = config.start - timedelta(days=60)
    while day < config.start:
        if (day < recent and day.day == 1) or (day >= recent and day.weekday() < 5):
            dates.append((day, 1))
        day += timedelta(days=1)
    played = range(1, config.days + 1)
    return dates + [(config.date_of(n), n + 1 if n == LATE_DAY else n) for n in played]


@lru_cache(maxsize=4)
def rates_of(config: WorldConfig) -> tuple[Rate, ...]:
    """All rows that the API will ever show, by date and pair."""
    if config.kind == "worked_example":
        # Imported here: the example is made of the shapes of this module.
        from ingestion.adworld.worked_example import RATES  # noqa: PLC0415

        return RATES
    numbers = rng(config, 2)
    level = {(base, quote): rate for base, quote, rate in PAIRS}
    rates: list[Rate] = []
    for n, (rate_date, published) in enumerate(_dates(config)):
        for base, quote, _ in PAIRS:
            drift = int(numbers.integers(-4_000_000, 4_000_001))
            level[base, quote] += level[base, quote] * drift // 1_000_000_000
            if any((config.date_of(d), b, q) == (rate_date, base, quote) for d, b, q in MISSING):
                continue
            document = {
                "rate_date": rate_date.isoformat(),
                "base": base,
                "quote": quote,
                "rate": decimal_text(level[base, quote]),
            }
            if n % 17 == 3 and base == "USD":
                document["provider"] = "central bank"
            rates += _versions(config, Rate(published, document, None, rate_date))
        rates += _bad_rates(config, rate_date, published)
    return tuple(rates)


def _versions(config: WorldConfig, rate: Rate) -> list[Rate]:
    """The rate, and what it is restated to."""
    day, base, quote, restated_on = RESTATED
    if (rate.rate_date, rate.pair) != (config.date_of(day), (base, quote)):
        return [rate]
    billionths = int(rate.document["rate"].replace(".", "")) + 1_234_567
    document = {**rate.document, "rate": decimal_text(billionths)}
    return [
        replace(rate, withdrawn=restated_on),
        replace(rate, published=restated_on, document=document),
    ]


def _bad_rates(config: WorldConfig, rate_date: date, published: int) -> list[Rate]:
    """On every played day, rows of a currency that nobody uses, each with one fault."""
    if rate_date < config.start:
        return []
    base = {"rate_date": rate_date.isoformat(), "base": "CHF", "quote": "EUR", "rate": "1.05"}
    faults: tuple[tuple[str, dict[str, object]], ...] = (
        ("schema", {"rate": 1.05}),
        ("schema", {"quote": None}),
        ("contract", {"rate": "1.05e0"}),
        ("contract", {"rate": "-1.05"}),
        ("contract", {"base": "SFR."}),
    )
    return [Rate(published, {**base, **fault}, reason, rate_date) for reason, fault in faults]


def shown(config: WorldConfig, day: int) -> list[Rate]:
    """The rows that the API shows once a day has been played, in its order."""
    return [
        rate
        for rate in rates_of(config)
        if rate.published <= day and (rate.withdrawn is None or rate.withdrawn > day)
    ]


def seen(config: WorldConfig, day: int) -> list[Rate]:
    """The rows that somebody saw who asked at the end of every day, in the order of the days."""
    rates = [rate for rate in rates_of(config) if rate.published <= day]
    return sorted(rates, key=lambda rate: rate.published)
