"""Which partitions a statement leaves, worked out by hand, statement by statement."""

from typing import Any

import pytest

from orchestration.bigquery.byte_model import _days
from orchestration.bigquery.googlesql import GoogleSql, parse_type
from orchestration.bigquery.predicates import days_since_epoch, scans
from orchestration.bigquery.statements import Table, Warehouse

pytestmark = pytest.mark.xdist_group("bigquery")

ALL = None
NULL = "the null partition"
NOTHING: list[tuple[str, str]] = []
MARCH = [("2026-03-01", "2026-03-31")]
DAY = [("2026-03-28", "2026-03-28")]

CASES = {
    "no predicate": ("select id from p.d.ev", ALL),
    "a date": ("select id from p.d.ev where event_date = date '2026-03-28'", DAY),
    "the other way round": ("select id from p.d.ev where date '2026-03-28' = event_date", DAY),
    "a span": (
        "select id from p.d.ev where event_date between date '2026-03-01' and date '2026-03-31'",
        MARCH,
    ),
    "an open span": (
        (
            "select id from p.d.ev where event_date > date '2026-03-27' "
            "and event_date < date '2026-03-29'"
        ),
        DAY,
    ),
    "two spans": (
        (
            "select id from p.d.ev where (event_date = date '2026-03-28' "
            "or event_date between date '2026-03-01' and date '2026-03-02')"
        ),
        [("2026-03-01", "2026-03-02"), *DAY],
    ),
    "a list": ("select id from p.d.ev where event_date in (date '2026-03-28')", DAY),
    "false": ("select id from p.d.ev where false", NOTHING),
    "a contradiction": (
        (
            "select id from p.d.ev where event_date = date '2026-03-28' "
            "and event_date = date '2026-03-29'"
        ),
        NOTHING,
    ),
    "an `or` that opens it": (
        "select id from p.d.ev where event_date = date '2026-03-28' or id = 'x'",
        ALL,
    ),
    "a query": (
        "select id from p.d.ev where event_date >= (select max(day) from p.d.dim)",
        ALL,
    ),
    "a function of the column": (
        "select id from p.d.ev where extract(year from event_date) = 2026",
        ALL,
    ),
    "not": ("select id from p.d.ev where not event_date = date '2026-03-28'", ALL),
    "outside of a CTE": (
        "with a as (select * from p.d.ev) select id from a where event_date = date '2026-03-28'",
        DAY,
    ),
    "under another name": (
        "select id from (select id, event_date as day from p.d.ev) where day = date '2026-03-28'",
        DAY,
    ),
    "outside of a union": (
        (
            "select id from (select id, event_date from p.d.ev union all "
            "select name, day from p.d.dim) where event_date = date '2026-03-28'"
        ),
        DAY,
    ),
    "outside of a group by it": (
        "select event_date from p.d.ev group by event_date having event_date = date '2026-03-28'",
        DAY,
    ),
    "outside of an aggregate": (
        (
            "select id from (select id, max(event_date) as event_date from p.d.ev group by id) "
            "where event_date = date '2026-03-28'"
        ),
        ALL,
    ),
    "outside of a window": (
        (
            "select id from (select id, event_date, count(*) over (order by id) as n from p.d.ev)"
            " where event_date = date '2026-03-28'"
        ),
        ALL,
    ),
    "outside of a limit": (
        (
            "select id from (select id, event_date from p.d.ev order by id limit 1) "
            "where event_date = date '2026-03-28'"
        ),
        ALL,
    ),
    "an inner join's condition": (
        (
            "select ev.id from p.d.dim inner join p.d.ev "
            "on dim.name = ev.id and ev.event_date = date '2026-03-28'"
        ),
        DAY,
    ),
    "a left join's condition on its right side": (
        (
            "select dim.name from p.d.dim left join p.d.ev "
            "on dim.name = ev.id and ev.event_date = date '2026-03-28'"
        ),
        DAY,
    ),
    "a left join's condition on its left side": (
        (
            "select ev.id from p.d.ev left join p.d.dim "
            "on dim.name = ev.id and ev.event_date = date '2026-03-28'"
        ),
        ALL,
    ),
    "what a left join does not find": (
        "select dim.name from p.d.dim left join p.d.ev on dim.name = ev.id where ev.id is null",
        ALL,
    ),
    "what has no date": ("select id from p.d.ev where event_date is null", NULL),
    "equal to a column that has one": (
        (
            "select ev.id from p.d.ev inner join p.d.dim on ev.event_date = dim.day "
            "where dim.day = date '2026-03-28'"
        ),
        ALL,
    ),
    "through a view": ("select id from p.d.v where event_date = date '2026-03-28'", DAY),
    "a view without one": ("select id from p.d.v", ALL),
    "in a subquery of a condition": (
        (
            "select name from p.d.dim where name in "
            "(select id from p.d.ev where event_date = date '2026-03-28')"
        ),
        DAY,
    ),
    "in no subquery of a condition": (
        (
            "select name from p.d.dim where day = date '2026-03-28' "
            "and exists (select 1 from p.d.ev where ev.id = dim.name)"
        ),
        ALL,
    ),
    "in a table that is made": (
        "create table p.d.made as select id from p.d.ev where event_date = date '2026-03-28'",
        DAY,
    ),
    "a merge by key alone": (
        (
            "merge p.d.ev as t using p.d.dim as s on t.id = s.name "
            "when not matched then insert (id) values (name)"
        ),
        ALL,
    ),
    "a merge by key and date": (
        (
            "merge p.d.ev as t using p.d.dim as s "
            "on t.id = s.name and t.event_date = date '2026-03-28' "
            "when matched then update set id = name"
        ),
        DAY,
    ),
    "a merge that only inserts": (
        (
            "merge p.d.ev as t using p.d.dim as s on false "
            "when not matched then insert (id) values (name)"
        ),
        NOTHING,
    ),
    "a merge that replaces a date": (
        (
            "merge p.d.ev as t using p.d.dim as s on false "
            "when not matched by source and t.event_date = date '2026-03-28' then delete "
            "when not matched then insert (id) values (name)"
        ),
        DAY,
    ),
    "a merge that replaces all": (
        (
            "merge p.d.ev as t using p.d.dim as s on t.event_date = date '2026-03-28' "
            "when not matched by source then delete"
        ),
        ALL,
    ),
    "a delete of a date": ("delete from p.d.ev where event_date = date '2026-03-28'", DAY),
    "a delete of all": ("delete from p.d.ev where true", ALL),
    "an update by key": ("update p.d.ev set id = 'x' where id = 'y'", ALL),
}


@pytest.fixture(scope="module")
def small(googlesql: GoogleSql) -> Warehouse:
    warehouse = Warehouse(googlesql)
    events = {"id": parse_type("string"), "event_date": parse_type("date")}
    warehouse.put(("p", "d", "ev"), Table("TABLE", events, partition="event_date"))
    other = {"name": parse_type("string"), "day": parse_type("date")}
    warehouse.put(("p", "d", "dim"), Table("TABLE", other))
    warehouse.run("create view p.d.v as select * from p.d.ev")
    return warehouse


def _read(warehouse: Warehouse, sql: str) -> list[Any]:
    def query_of(key: Any, columns: tuple[str, ...]) -> Any:
        query = warehouse.get(key).query
        return query and warehouse.googlesql.analyze(f"select {', '.join(columns)} from ({query})")

    found = scans(warehouse.googlesql.analyze(sql), query_of)
    return [scan for scan in found if scan.table[2] == "ev"]


@pytest.mark.parametrize("name", CASES)
def test_the_partitions_that_are_left(name: str, small: Warehouse) -> None:
    sql, expected = CASES[name]
    (scan,) = _read(small, sql)
    if expected == NULL:
        assert _days(scan.bounds["event_date"], 10_000) == 0
        assert not scan.is_empty
    elif expected == NOTHING:
        assert scan.is_empty
    elif expected is ALL:
        assert not scan.is_empty
        assert "event_date" not in scan.bounds
    else:
        days = tuple((days_since_epoch(low), days_since_epoch(high)) for low, high in expected)
        assert scan.bounds["event_date"] == days


def test_only_the_columns_that_are_needed_are_read(small: Warehouse) -> None:
    (scan,) = _read(small, "select v.id from (select id, event_date, 1 as one from p.d.v) as v")
    assert scan.columns == ("id",)


def test_each_use_of_a_cte_reads_on_its_own(small: Warehouse) -> None:
    found = _read(
        small,
        "with a as (select * from p.d.ev) select id from a where event_date = date '2026-03-28' "
        "union all select id from a",
    )
    assert [dict(scan.bounds) for scan in found].count({}) == 1
    assert len(found) == 2
