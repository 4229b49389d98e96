"""The rules of the key on cases that fit in the head."""

from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import pytest

from ingestion.adworld.key.events import (
    ClickClass,
    click_classes,
    distinct,
    parents_of,
    with_precedence,
)
from ingestion.adworld.key.exact import answer, rate, rounded, text
from ingestion.adworld.key.groups import Dimension, date_text, sums
from ingestion.adworld.key.rates import Rates
from ingestion.adworld.key.versions import Versions, local_days

SECOND = 1_000_000
DAY = 86_400 * SECOND
NOON = 20_000 * DAY + DAY // 2


def _ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def _classes(
    impression_ts: list[int],
    clicks: list[tuple[int, int, int]],
    invalid: tuple[int, ...] = (),
) -> list[str]:
    """Classes of clicks (number, impression, timestamp); those at `invalid` have a verdict."""
    impressions = {
        "number": np.arange(len(impression_ts), dtype=np.int64),
        "ts": np.array(impression_ts, np.int64),
    }
    columns = [np.array(column, np.int64) for column in zip(*clicks, strict=True)]
    rows = {"number": columns[0], "impression": columns[1], "ts": columns[2]}
    verdicts = np.isin(np.arange(len(clicks)), invalid)
    classes = click_classes(rows, parents_of(rows, impressions), verdicts, seed=1)
    return [ClickClass(code).name for code in classes.tolist()]


def test_a_click_without_its_impression_is_an_orphan() -> None:
    assert _classes([NOON], [(1, 99, NOON + SECOND)]) == ["ORPHAN"]


def test_a_click_before_its_impression_is_an_orphan_and_one_at_its_moment_is_not() -> None:
    assert _classes([NOON], [(1, 0, NOON - 1)]) == ["ORPHAN"]
    assert _classes([NOON], [(1, 0, NOON)]) == ["NET"]


def test_a_click_is_an_orphan_after_thirty_days_and_not_at_thirty_days() -> None:
    assert _classes([NOON], [(1, 0, NOON + 30 * DAY)]) == ["NET"]
    assert _classes([NOON], [(1, 0, NOON + 30 * DAY + 1)]) == ["ORPHAN"]


def test_a_click_repeats_at_two_seconds_and_not_after() -> None:
    first = (1, 0, NOON)
    assert _classes([NOON], [first, (2, 0, NOON + 2 * SECOND)]) == ["NET", "REPEAT"]
    assert _classes([NOON], [first, (2, 0, NOON + 2 * SECOND + 1)]) == ["NET", "NET"]


def test_a_click_repeats_the_one_before_whatever_its_class() -> None:
    # Orphan, then a click on the impression 1 s later; and a chain of repeats.
    assert _classes([NOON], [(1, 0, NOON - 1), (2, 0, NOON + SECOND)]) == ["ORPHAN", "REPEAT"]
    chain = [(n, 0, NOON + n * SECOND) for n in range(3)]
    assert _classes([NOON], chain) == ["NET", "REPEAT", "REPEAT"]


def test_an_invalid_click_is_no_repeat_and_an_orphan_is_not_invalid() -> None:
    clicks = [(1, 0, NOON), (2, 0, NOON + SECOND), (3, 0, NOON + 2 * SECOND), (4, 9, NOON)]
    assert _classes([NOON], clicks, invalid=(1, 3)) == ["NET", "INVALID", "REPEAT", "ORPHAN"]


def test_clicks_on_other_impressions_do_not_repeat() -> None:
    assert _classes([NOON, NOON], [(1, 0, NOON), (2, 1, NOON)]) == ["NET", "NET"]


def test_of_two_clicks_at_one_moment_one_is_net_and_one_repeats() -> None:
    assert sorted(_classes([NOON], [(1, 0, NOON), (2, 0, NOON)])) == ["NET", "REPEAT"]


def test_the_first_loaded_row_counts_and_the_others_are_told_apart() -> None:
    found = distinct(_ints(5, 5, 5, 7), _ints(10, 10, 11, 3))
    assert found.first.tolist() == [0, 3]
    assert (found.loaded, found.distinct, found.duplicates, found.conflicts) == (4, 2, 1, 1)


def test_a_conflict_that_comes_back_to_the_first_timestamp_is_a_duplicate() -> None:
    found = distinct(_ints(5, 5, 5), _ints(10, 11, 10))
    assert (found.duplicates, found.conflicts) == (1, 1)


def test_the_stream_wins_over_the_file() -> None:
    stream = {"number": _ints(2), "ts": _ints(1), "price": _ints(20)}
    files = {"number": _ints(1, 2), "ts": _ints(1, 1), "price": _ints(11, 12)}
    merged = with_precedence(stream, files)
    assert merged["number"].tolist() == [1, 2]
    assert merged["price"].tolist() == [11, 20]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Fraction(1, 3), "0.333333333"),
        (Fraction(2, 3), "0.666666667"),
        (Fraction(5, 10**10), "0.000000001"),
        (Fraction(-5, 10**10), "-0.000000001"),
        (Fraction(4999999999, 10**19), "0"),
        (Fraction(25, 10**10), "0.000000003"),
        (Fraction(100), "100"),
        (Fraction(-3, 2), "-1.5"),
    ],
)
def test_values_are_rounded_half_away_from_zero_and_written_plainly(
    value: Fraction, expected: str
) -> None:
    assert text(rounded(value)) == expected


def test_a_value_that_text_would_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="nine decimals"):
        text(Fraction(1, 3))


def test_a_rate_is_nothing_where_its_denominator_is_zero() -> None:
    assert rate(1, 0) is None
    assert rate(2, 3) == Fraction(666666667, 10**9)


def test_zero_is_left_out_and_dimensions_are_sorted() -> None:
    assert answer("m", {}, 0) is None
    one = answer("m", {"b": "2", "a": "1"}, 7)
    assert one is not None
    assert (one.grain, one.dims, one.value) == ("b,a", '{"a": "1", "b": "2"}', "7")


def test_sums_leave_out_events_without_a_value() -> None:
    dimensions = {"x": Dimension(_ints(0, 1, -1, 1), lambda code: "ab"[code])}
    assert dict(sums(dimensions, ("x",))) == {(("x", "a"),): 1, (("x", "b"),): 2}
    assert dict(sums(dimensions, ())) == {(): 4}
    assert dict(sums(dimensions, ("x",), _ints(5, 6, 7, 8))) == {
        (("x", "a"),): 5,
        (("x", "b"),): 14,
    }


KNOWN = (
    ("USD", "EUR", "2026-03-27", Fraction("0.9")),
    ("USD", "EUR", "2026-03-29", Fraction("0.8")),
    ("EUR", "GBP", "2026-03-27", Fraction("0.75")),
    ("INR", "USD", "2026-03-27", Fraction("0.012")),
    ("USD", "JPY", "2026-03-27", Fraction(150)),
    ("GBP", "USD", "2026-03-27", Fraction("1.3")),
)


@pytest.mark.parametrize(
    ("amount", "currency", "day", "expected"),
    [
        ("7", "EUR", "2026-03-27", "7"),
        ("10", "USD", "2026-03-27", "9"),
        # No rate of the day: the last before it.
        ("10", "USD", "2026-03-28", "9"),
        ("10", "USD", "2026-03-31", "8"),
        # The inverse comes before the way over USD: 10 / 0.75.
        ("10", "GBP", "2026-03-27", "13.333333333"),
        # 1000 x 0.012 = 12 USD, x 0.9.
        ("1000", "INR", "2026-03-27", "10.8"),
        # 100 / 150 = 0.666666667 USD (rounded), x 0.9 = 0.6000000003.
        ("100", "JPY", "2026-03-27", "0.6"),
        # 10000 / 150 = 66.666666667 USD, x 0.8 = 53.3333333336.
        ("10000", "JPY", "2026-03-29", "53.333333334"),
    ],
)
def test_base_amounts(amount: str, currency: str, day: str, expected: str) -> None:
    converted = Rates(KNOWN).to_base(Fraction(amount), currency, day)
    assert converted is not None
    assert text(converted) == expected


def test_an_amount_without_any_rate_has_no_base_amount() -> None:
    assert Rates(KNOWN).to_base(Fraction(1), "USD", "2026-03-26") is None
    assert Rates(KNOWN).to_base(Fraction(1), "CHF", "2026-03-27") is None


def test_a_restated_rate_replaces_the_first() -> None:
    restated = (*KNOWN, ("USD", "EUR", "2026-03-27", Fraction("0.5")))
    assert Rates(restated).to_base(Fraction(10), "USD", "2026-03-27") == 5


def _us(moment: str) -> int:
    return round(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        # Berlin goes from +1 to +2 on 29 March 2026 at 01:00 UTC.
        ("2026-03-28T22:59:59", "Europe/Berlin", "2026-03-28"),
        ("2026-03-28T23:00:00", "Europe/Berlin", "2026-03-29"),
        ("2026-03-29T21:59:59", "Europe/Berlin", "2026-03-29"),
        ("2026-03-29T22:00:00", "Europe/Berlin", "2026-03-30"),
        # New York went from -5 to -4 on 8 March 2026.
        ("2026-03-08T04:59:59", "America/New_York", "2026-03-07"),
        ("2026-03-09T03:59:59", "America/New_York", "2026-03-08"),
        ("2026-03-09T04:00:00", "America/New_York", "2026-03-09"),
        ("2026-03-28T18:29:59", "Asia/Kolkata", "2026-03-28"),
        ("2026-03-28T18:30:00", "Asia/Kolkata", "2026-03-29"),
        ("2026-03-28T23:59:59", "UTC", "2026-03-28"),
    ],
)
def test_the_advertisers_date(moment: str, zone: str, expected: str) -> None:
    assert date_text(int(local_days(_ints(_us(moment)), zone)[0])) == expected


def test_the_version_of_a_moment_is_the_latest_before_it_else_the_earliest() -> None:
    versions = Versions([[100, 200], [50]], [[{"v": 1}, {"v": 2}], [{"v": 9}]])
    moments = _ints(99, 100, 199, 200, 10)
    entities = _ints(0, 0, 0, 0, 1)
    assert versions.indices(entities, moments).tolist() == [0, 0, 0, 1, 0]
    found = [
        versions.at(entity, moment)["v"]
        for entity, moment in zip(entities.tolist(), moments.tolist(), strict=True)
    ]
    assert found == [1, 1, 1, 2, 9]
