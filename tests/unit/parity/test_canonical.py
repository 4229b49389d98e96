import datetime as dt
import uuid
from decimal import Decimal

import pytest

from tests.parity.canonical import Table, canonical, difference

NOON = dt.datetime(2026, 3, 29, 12, tzinfo=dt.UTC)
BERLIN = dt.timezone(dt.timedelta(hours=2))


@pytest.mark.parametrize(
    ("duckdb", "bigquery"),
    [
        (uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"), "00112233445566778899aabbccddeeff"),
        (Decimal("1.500000000"), Decimal("1.5")),
        (Decimal("-12345678901234567890123456789.000000001"),) * 2,
        (NOON.replace(tzinfo=None), NOON),
        (NOON.astimezone(BERLIN), NOON),
        ([{"sku": "A", "price": Decimal(2)}], [{"sku": "A", "price": Decimal("2.0")}]),
        (dt.date(2026, 3, 29), dt.date(2026, 3, 29)),
        (None, None),
    ],
)
def test_the_same_value_has_one_form(duckdb, bigquery):
    assert canonical(duckdb) == canonical(bigquery)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (1, Decimal(1)),
        ("1", 1),
        (Decimal("0.000000001"), Decimal("0.000000002")),
        (NOON, NOON + dt.timedelta(microseconds=1)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (None, ""),
        ([1, 2], [2, 1]),
    ],
)
def test_other_values_have_other_forms(one, other):
    assert canonical(one) != canonical(other)


def table(*rows: tuple[object, ...], columns: tuple[str, ...] = ("id", "day", "clicks")) -> Table:
    return Table.of(columns, [dict(zip(columns, row, strict=True)) for row in rows])


ONE, TWO = ("a", "mon", 1), ("b", "mon", 2)


def test_the_order_of_rows_does_not_matter():
    assert difference(table(ONE, TWO), table(TWO, ONE)) is None


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (table(ONE), "2 rows expected, 1 found, 1 differ; missing: id='b', day='mon', clicks=2"),
        (table(ONE, TWO, TWO), "2 rows expected, 3 found, 0 differ; not expected: id='b'"),
        (table(ONE, ("b", "mon", 3)), "id='b', day='mon': clicks 2 -> 3"),
        (table(("a", "mon"), columns=("id", "day")), "columns missing: clicks; more: -"),
        (table(columns=("day", "id", "clicks")), "columns in another order: day, id, clicks"),
    ],
)
def test_a_difference_names_rows_and_columns(found, words):
    assert words in difference(table(ONE, TWO), found)


def test_a_missing_list_is_an_empty_one():
    rows = [{"id": 1, "tags": None}]
    assert (
        difference(
            Table.of(("id", "tags"), rows, ["tags"]),
            Table.of(("id", "tags"), [{"id": 1, "tags": []}]),
        )
        is None
    )
    assert difference(
        Table.of(("id", "tags"), rows), Table.of(("id", "tags"), [{"id": 1, "tags": []}])
    )
