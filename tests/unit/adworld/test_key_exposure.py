"""What lies in which currency, on cases that fit in the head."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ingestion.adworld.key.exposure import exposure_answers
from ingestion.adworld.key.money import Money
from ingestion.adworld.key.rates import Rates


@dataclass
class Booked:
    """Books with what the exposure reads of them."""

    rates: Rates
    cpm: Money = field(default_factory=dict)
    cpc: Money = field(default_factory=dict)
    cpa: Money = field(default_factory=dict)
    paid: Money = field(default_factory=dict)
    notes: list[tuple[tuple[int, str, str], Fraction]] = field(default_factory=list)


def _found(books: Any) -> dict[tuple[str, str], str]:
    return {(one.metric, one.dims): one.value for one in exposure_answers(books) if one is not None}


def test_a_month_is_revalued_by_the_newest_rate() -> None:
    """30 USD billed (27 EUR), 10 paid (9 EUR); 20 are left, of 18 EUR then and 16 EUR now."""
    known = [("USD", "EUR", "2026-03-01", Fraction("0.9"))]
    books: Any = Booked(
        Rates([*known, ("USD", "EUR", "2026-04-01", Fraction("0.8"))]),
        cpm={(0, "2026-03-01", "USD"): Fraction(10), (1, "2026-03-31", "USD"): Fraction(20)},
        paid={(0, "2026-03-02", "USD"): Fraction(10), (0, "2026-04-02", "EUR"): Fraction(3)},
    )
    march = '{"currency": "USD", "month": "2026-03-01"}'
    april = '{"currency": "EUR", "month": "2026-04-01"}'
    assert _found(books) == {
        ("fx_net_exposure", march): "20",
        ("fx_net_exposure_base", march): "18",
        ("fx_average_rate", march): "0.9",
        ("fx_revalued_base", march): "16",
        ("fx_revaluation_base", march): "-2",
        ("fx_net_exposure", april): "-3",
        ("fx_net_exposure_base", april): "-3",
        ("fx_average_rate", april): "1",
        ("fx_revalued_base", april): "-3",
    }


def test_credit_notes_are_converted_one_by_one() -> None:
    """Two notes of 1.000001 USD: 0.9005009005 EUR each, rounded up; together 1.801001801 EUR."""
    note = ((0, "2026-03-01", "USD"), Fraction("1.000001"))
    books: Any = Booked(
        Rates([("USD", "EUR", "2026-03-01", Fraction("0.9005"))]), notes=[note, note]
    )
    march = '{"currency": "USD", "month": "2026-03-01"}'
    assert _found(books) == {
        ("fx_net_exposure", march): "2.000002",
        ("fx_net_exposure_base", march): "1.801001802",
        ("fx_average_rate", march): "0.9005",
        ("fx_revalued_base", march): "1.801001801",
        ("fx_revaluation_base", march): "-0.000000001",
    }
