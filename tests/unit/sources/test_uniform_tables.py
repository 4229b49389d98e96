"""Rows of a SQL driver as Arrow tables whose columns have one type each."""

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa

from ingestion.sources.campaigns.table import uniform_tables

TIME = datetime(2026, 3, 1, tzinfo=UTC)


def tables(rows):
    return [(places, table) for places, table in uniform_tables(["a", "b"], rows)]


def test_no_rows_give_no_table():
    assert tables([]) == []


def test_rows_of_one_type_are_one_table():
    ((places, table),) = tables([(1, "x"), (2, None), (None, "y")])
    assert places == [0, 1, 2]
    assert table.schema == pa.schema([("a", pa.int64()), ("b", pa.string())])


def test_a_row_of_another_type_keeps_its_own_type():
    found = tables([(1, "x"), ("2", "y"), (3, b"z"), (4, "w")])
    assert [places for places, _ in found] == [[0, 3], [1], [2]]
    assert [table["a"].type for _, table in found] == [pa.int64(), pa.string(), pa.int64()]
    assert found[2][1]["b"].type == pa.binary()


def test_numbers_keep_what_the_driver_gave():
    ((_, table),) = tables([(Decimal("1.10"), TIME), (Decimal(20), TIME)])
    assert table["a"].to_pylist() == [Decimal("1.10"), Decimal("20.00")]
    assert table["b"].type == pa.timestamp("us", tz="UTC")


def test_a_boolean_among_integers_is_no_integer():
    found = tables([(1, "x"), (2, "x"), (True, "x")])
    assert [table["a"].type for _, table in found] == [pa.int64(), pa.bool_()]
