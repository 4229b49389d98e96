"""Checksums: any order gives the same, any change another."""

import duckdb
import pytest

from orchestration.warehouse import checksums
from orchestration.warehouse.checksums import Checksum, Part

ROWS = (
    "values (date '2026-03-28', 'a', 1.5::decimal(38, 9)), (date '2026-03-28', null, 2), "
    "(date '2026-03-29', 'b', null)"
)


@pytest.fixture
def connection():
    with duckdb.connect() as opened:
        opened.execute("create schema core")
        opened.execute(f"create table core.fct as select * from ({ROWS}) t(event_date, name, n)")
        opened.execute("create table core.dim as select 1 as id")
        opened.execute("create schema staging")
        opened.execute("create table staging.stg as select 1 as id")
        checksums.store(opened)
        yield opened


def test_parts_are_tables_and_their_dates_and_staging_is_none(connection):
    assert {str(part): sum_.row_count for part, sum_ in checksums.stored(connection).items()} == {
        "core.dim": 1,
        "core.fct of 2026-03-28": 2,
        "core.fct of 2026-03-29": 1,
    }


def test_the_order_of_rows_does_not_matter(connection):
    before = checksums.stored(connection)
    connection.execute("create table other as from core.fct order by n desc nulls last")
    connection.execute("drop table core.fct")
    connection.execute("create table core.fct as from other")
    assert checksums.differences(before, checksums.computed(connection)) == {}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("update core.fct set name = 'c' where name is null", "core.fct of 2026-03-28"),
        ("update core.fct set n = 1.500000001 where n = 1.5", "core.fct of 2026-03-28"),
        ("update core.fct set n = 0 where n is null", "core.fct of 2026-03-29"),
        ("delete from core.fct where name = 'b'", "core.fct of 2026-03-29"),
        ("insert into core.fct from core.fct where name = 'b'", "core.fct of 2026-03-29"),
        ("insert into core.fct values (date '2026-04-01', null, null)", "core.fct of 2026-04-01"),
        ("delete from core.dim", "core.dim"),
        ("create table core.extra as select 1 as id", "core.extra"),
        ("drop table core.dim", "core.dim"),
    ],
)
def test_one_changed_row_is_found_with_its_place(connection, change, place):
    connection.execute(change)
    wrong = checksums.differences(checksums.stored(connection), checksums.computed(connection))
    assert [str(part) for part in wrong] == [place]


def test_swapped_values_are_a_change(connection):
    connection.execute("create table core.pair as select 'x' as a, 'y' as b")
    first = checksums.computed(connection)[Part("core", "pair", None)]
    connection.execute("update core.pair set a = 'y', b = 'x'")
    assert checksums.computed(connection)[Part("core", "pair", None)] != first


def test_a_part_that_is_missing_counts_as_empty():
    part = Part("core", "fct", None)
    wrong = checksums.differences({part: Checksum(2, "7")}, {})
    assert wrong == {part: (Checksum(2, "7"), Checksum(0, "0"))}
