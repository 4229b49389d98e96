"""What a statement does in the warehouse whose queries Google's reference executor evaluates."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from orchestration.bigquery.executing import ExecutingWarehouse
from orchestration.bigquery.googlesql import QueryRejectedError, parse_type
from orchestration.bigquery.statements import Table

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("bigquery")]

KEY = ("p", "d", "t")
T = "`p`.`d`.`t`"
MONDAY, TUESDAY = dt.date(2026, 3, 30), dt.date(2026, 3, 31)


@pytest.fixture
def warehouse(googlesql: Any) -> ExecutingWarehouse:
    made = ExecutingWarehouse(googlesql)
    made.datasets.add(("p", "d"))
    made.run(
        f"create or replace table {T} (id int64, day date, clicks numeric) partition by day as ("
        "select 1 as id, date '2026-03-30' as day, numeric '2.5' as clicks union all "
        "select 2, date '2026-03-31', null)"
    )
    return made


def rows(warehouse: ExecutingWarehouse) -> list[tuple[Any, ...]]:
    return sorted(tuple(row.values()) for row in warehouse.rows(KEY))


def test_a_table_holds_what_its_query_gives_in_its_types(warehouse: ExecutingWarehouse) -> None:
    assert rows(warehouse) == [(1, MONDAY, Decimal("2.5")), (2, TUESDAY, None)]


def test_a_query_may_name_a_table_without_an_alias(warehouse: ExecutingWarehouse) -> None:
    answer = warehouse.run(f"select t.id from {T} where t.day = date '2026-03-31'")
    assert answer.rows == [{"id": 2}]


def test_a_view_shows_what_its_table_holds_now(warehouse: ExecutingWarehouse) -> None:
    warehouse.run(f"create or replace view `p`.`d`.`v` as select count(*) as n from {T}")
    assert warehouse.run("select n from `p`.`d`.`v`").rows == [{"n": 2}]
    warehouse.run(f"insert into {T} (day, id) (select date '2026-04-01', 3)")
    assert warehouse.run("select n from `p`.`d`.`v`").rows == [{"n": 3}]
    assert rows(warehouse)[2] == (3, dt.date(2026, 4, 1), None)


def test_a_merge_without_a_key_inserts(warehouse: ExecutingWarehouse) -> None:
    warehouse.run(
        f"merge into {T} as DBT_INTERNAL_DEST using (select 1 as id, date '2026-03-30' as day, "
        "numeric '0' as clicks) as DBT_INTERNAL_SOURCE on (FALSE) "
        "when not matched then insert (`id`, `day`, `clicks`) values (`id`, `day`, `clicks`)"
    )
    assert [row[0] for row in rows(warehouse)] == [1, 1, 2]


def test_a_merge_replaces_the_partitions_that_it_names(warehouse: ExecutingWarehouse) -> None:
    warehouse.run(
        f"merge into {T} as DBT_INTERNAL_DEST using (select 9 as id, date '2026-03-30' as day, "
        "cast(null as numeric) as clicks) as DBT_INTERNAL_SOURCE on FALSE "
        "when not matched by source and DBT_INTERNAL_DEST.day in (date '2026-03-30') then delete "
        "when not matched then insert (`id`, `day`, `clicks`) values (`id`, `day`, `clicks`)"
    )
    assert rows(warehouse) == [(2, TUESDAY, None), (9, MONDAY, None)]


BY_KEY = (
    f"merge into {T} as DBT_INTERNAL_DEST using ({{}}) as DBT_INTERNAL_SOURCE "
    "on (DBT_INTERNAL_SOURCE.id = DBT_INTERNAL_DEST.id) when matched then update set "
    "`id` = DBT_INTERNAL_SOURCE.`id`, `day` = DBT_INTERNAL_SOURCE.`day`, "
    "`clicks` = DBT_INTERNAL_SOURCE.`clicks` when not matched then insert (`id`, `day`, `clicks`) "
    "values (`id`, `day`, `clicks`)"
)


def test_a_merge_by_a_key_updates_and_inserts(warehouse: ExecutingWarehouse) -> None:
    warehouse.run(
        BY_KEY.format(
            "select id, date '2026-03-31' as day, numeric '7' as clicks from unnest([1, 3]) as id"
        )
    )
    seven = Decimal(7)
    assert rows(warehouse) == [(1, TUESDAY, seven), (2, TUESDAY, None), (3, TUESDAY, seven)]


def test_two_source_rows_for_one_target_row_are_refused(warehouse: ExecutingWarehouse) -> None:
    with pytest.raises(QueryRejectedError, match="at most one source row"):
        warehouse.run(
            BY_KEY.format(
                "select 1 as id, date '2026-03-31' as day, cast(n as numeric) as clicks "
                "from unnest([1, 2]) as n"
            )
        )


def test_what_bigquery_would_not_take_changes_nothing(warehouse: ExecutingWarehouse) -> None:
    before = rows(warehouse)
    for sql in (
        f"create or replace table {T} as (select strftime(1, '%Y') as id)",
        f"create or replace table {T} as (select cast('x' as int64) as id)",
    ):
        with pytest.raises(QueryRejectedError):
            warehouse.run(sql)
    assert rows(warehouse) == before


def test_rows_survive_the_way_in_and_out(warehouse: ExecutingWarehouse) -> None:
    kinds = {
        "n": "numeric",
        "moment": "timestamp",
        "is_on": "bool",
        "x": "float64",
        "items": "array<struct<sku string, quantity int64>>",
        "person": "struct<name string, born date>",
    }
    row = {
        "n": Decimal("-12345678901234567890123456789.000000001"),
        "moment": dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC),
        "is_on": False,
        "x": 0.1,
        "items": [{"sku": "ß", "quantity": None}],
        "person": {"name": None, "born": dt.date(2024, 2, 29)},
    }
    nothing = dict.fromkeys(row)
    key = ("p", "d", "kinds")
    warehouse.put(key, Table("TABLE", {name: parse_type(kind) for name, kind in kinds.items()}))
    warehouse.fill(key, [row, nothing])
    names = ", ".join(kinds)
    answer = warehouse.run(f"select {names} from `p`.`d`.`kinds` order by n nulls last")
    assert answer.rows == [row, nothing | {"items": []}]
