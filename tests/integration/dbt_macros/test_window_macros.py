"""The pin's window as literals in SQL, and the replacement of whole dates that follows from it."""

import json
from typing import Any

import pytest

FOLDERS = ("cross_db", "data_vault", "adtech", "overrides")

SOURCES = """
sources:
  - name: raw_shop
    tables: [{name: orders}, {name: streamed}]
  - name: ops
    tables: [{name: pins}]
"""


def _effects(*effects: dict[str, Any]) -> str:
    return (
        "{{ config(materialized='incremental', incremental_strategy='replace_dates', "
        "partition_by={'field': 'd', 'data_type': 'date'}, "
        f"meta={{'date_effects': {list(effects)}}}) }}}}\n"
    )


ORDERS: dict[str, Any] = {"input": "shop.orders"}
PRICES: dict[str, Any] = {"input": "shop.prices", "by": "effective_from"}

PREDICATES = {
    "new_rows": "{{ window_predicate('shop', 'orders') }}",
    "touched": "{{ touched_dates('shop.orders') }}",
    "touched_wider": "{{ touched_dates(['shop.orders'], 'day', days_before=1, days_after=1) }}",
    "own_dates": _effects(ORDERS) + "{{ affected_dates('d') }}",
    "later_dates": _effects({**ORDERS, "days_after": 2}) + "{{ affected_dates('d') }}",
    "read_wider": _effects(ORDERS) + "{{ affected_dates('x.d', days_before=30) }}",
    "from_prices": _effects(PRICES) + "{{ affected_dates('d') }}",
    "both": _effects(ORDERS, PRICES) + "{{ affected_dates('d') }}",
    "rules": _effects({"input": "shop.rules", "by": "any"}) + "{{ affected_dates('d') }}",
    "whole_months": _effects({**ORDERS, "days_after": 26, "widen_to": "month"})
    + "{{ affected_dates('d', days_before=1) }}",
    "beyond_months": _effects({**ORDERS, "days_after": 26, "widen_to": "month", "days_beyond": 2})
    + "{{ affected_dates('d', days_before=1) }}",
    "months_from_prices": _effects({**PRICES, "widen_to": "month"}) + "{{ affected_dates('d') }}",
    "no_effect": _effects() + "{{ affected_dates('d') }}",
}

DAILY = _effects(ORDERS, PRICES) + (
    "select d, sum(n) as n from cases.orders where {{ affected_dates('d') }} group by d"
)

LANDED = (
    "select n, load_pin, source_rank, ingest_seq, position_major, position_minor, load_datetime "
    "from {{ landed('shop', '%s', source_rank=7, position='%s') }} as landed"
)

MERGE = _effects(ORDERS) + (
    "{{ bq_generate_incremental_insert_overwrite_build_sql(none, '`nowhere`.`main`.`daily`', "
    "'select d, n from `nowhere`.`main`.`orders`', none, {'field': 'd'}, none, "
    "[api.Column('d', 'date'), api.Column('n', 'int64')], false, false) }}"
)


def _window(previous: int | None = 2, **tables: dict[str, Any]) -> dict[str, str]:
    nothing = {"from_seq": 9, "to_seq": 9, "touched_dates": [], "min_effective_date": None}
    full = {
        f"shop.{name}": nothing | tables.get(name, {})
        for name in ("orders", "prices", "rules", "streamed")
    }
    return {"ADX_WINDOW": json.dumps({"pin": 3, "previous_pin": previous, "tables": full})}


NEW_ORDERS = {
    "from_seq": 4,
    "to_seq": 9,
    "touched_dates": ["2026-03-01", "2026-02-27", "2026-03-05", "2026-03-06"],
}
NEW_PRICES = {"from_seq": 1, "to_seq": 2, "min_effective_date": "2026-03-05"}

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt_macros")]


@pytest.fixture(scope="session")
def project(make_project: Any) -> Any:
    models = {
        **PREDICATES,
        "daily": DAILY,
        "fragile": _effects(ORDERS)
        + "select d, n from cases.orders where {{ affected_dates('d') }}",
        "landed_orders": LANDED % ("orders", "file"),
        "landed_streamed": LANDED % ("streamed", "kafka"),
        "merged": MERGE,
        "sources.yml": SOURCES,
    }
    return make_project("windows", models, FOLDERS)


@pytest.fixture(scope="session")
def predicates(project: Any) -> Any:
    """A function: the predicates under a window, in the form for an increment."""

    def compile_under(window: dict[str, str]) -> dict[str, str]:
        results = project.dbt(
            "compile", "--select", *PREDICATES, ADX_COMPILE_AS="incremental", **window
        )
        return {result.node.name: result.node.compiled_code.strip() for result in results}

    return compile_under


def test_a_window_compiles_to_literals(predicates: Any) -> None:
    found = predicates(
        _window(orders=NEW_ORDERS, prices=NEW_PRICES, rules={"from_seq": 0, "to_seq": 1})
    )
    february, march = "d = date '2026-02-27'", "d = date '2026-03-01'"
    assert found == {
        "new_rows": "_ingest_seq > 4 and _ingest_seq <= 9",
        "touched": (
            "(event_date = date '2026-02-27' or event_date = date '2026-03-01' "
            "or event_date between date '2026-03-05' and date '2026-03-06')"
        ),
        "touched_wider": (
            "(day between date '2026-02-26' and date '2026-03-02' "
            "or day between date '2026-03-04' and date '2026-03-07')"
        ),
        "own_dates": (
            f"({february} or {march} or d between date '2026-03-05' and date '2026-03-06')"
        ),
        "later_dates": (
            "(d between date '2026-02-27' and date '2026-03-03' "
            "or d between date '2026-03-05' and date '2026-03-08')"
        ),
        "read_wider": "(x.d between date '2026-01-28' and date '2026-03-06')",
        "from_prices": "(d >= date '2026-03-05')",
        "both": f"({february} or {march} or d >= date '2026-03-05')",
        "rules": "true",
        "whole_months": "(d between date '2026-01-31' and date '2026-04-30')",
        "beyond_months": "(d between date '2026-01-29' and date '2026-05-02')",
        "months_from_prices": "(d >= date '2026-03-01')",
        "no_effect": "false",
    }


def test_an_empty_window_selects_nothing(predicates: Any) -> None:
    assert set(predicates(_window()).values()) == {"false"}


def test_a_rebuild_takes_all_dates(predicates: Any) -> None:
    found = predicates(_window(previous=None, orders=NEW_ORDERS, prices=NEW_PRICES))
    assert found.pop("new_rows") == "_ingest_seq > 4 and _ingest_seq <= 9"
    assert set(found.values()) == {"true"}


def test_without_a_pin_everything_is_taken(predicates: Any) -> None:
    assert set(predicates({}).values()) == {"true"}


@pytest.fixture(scope="session")
def daily(project: Any) -> Any:
    """A function: put orders in place, run the model under a window, return its rows."""

    def run(rows: dict[str, int], window: dict[str, str]) -> dict[str, int]:
        values = ", ".join(f"(date '{d}', {n})" for d, n in rows.items())
        project.execute(
            "create schema if not exists cases",
            "create or replace table cases.orders (d date, n integer)",
            f"insert into cases.orders values {values}",
        )
        project.dbt("run", "--select", "daily", **window)
        return {str(d): n for d, n in project.rows("select d, n from daily")}

    return run


def test_affected_dates_are_replaced_and_no_others(daily: Any) -> None:
    first = {"2026-03-01": 1, "2026-03-02": 2, "2026-03-03": 3, "2026-03-04": 4}
    assert daily(first, {}) == first

    # Every date differs now, and the 2nd is gone; what is not affected must stay as it was.
    second = {"2026-03-01": 10, "2026-03-03": 30, "2026-03-04": 40}
    touched = {"from_seq": 1, "to_seq": 2, "touched_dates": ["2026-03-02", "2026-03-03"]}
    expected = {"2026-03-01": 1, "2026-03-03": 30, "2026-03-04": 4}
    assert daily(second, _window(orders=touched)) == expected

    # Run twice: nothing changes.
    assert daily(second, _window(orders=touched)) == expected

    # Nothing new: nothing changes.
    assert daily(second, _window()) == expected

    # A date on which a price became effective, and all after it.
    effective = {"from_seq": 1, "to_seq": 2, "min_effective_date": "2026-03-04"}
    third = {**second, "2026-03-05": 50}
    assert daily(third, _window(prices=effective)) == {
        "2026-03-01": 1,
        "2026-03-03": 30,
        "2026-03-04": 40,
        "2026-03-05": 50,
    }

    # Without a pin the whole table is made again.
    assert daily(third, {}) == third


def test_a_replacement_that_fails_leaves_the_table_as_it_was(project: Any) -> None:
    project.execute(
        "create schema if not exists cases",
        "create or replace table cases.orders as select date '2026-03-01' as d, 1 as n",
    )
    project.dbt("run", "--select", "fragile")
    project.execute(
        "create unique index one_row_a_date on fragile (d)",
        "create or replace table cases.orders as select date '2026-03-01' as d, 2 as n "
        "from range(2)",
    )
    touched = {"from_seq": 1, "to_seq": 2, "touched_dates": ["2026-03-01"]}
    with pytest.raises(AssertionError, match="Constraint"):
        project.dbt("run", "--select", "fragile", **_window(orders=touched))
    assert [n for (n,) in project.rows("select n from fragile")] == [1]


def test_landed_rows_carry_their_load_order(project: Any) -> None:
    project.execute(
        "create schema if not exists raw_shop",
        "create schema if not exists ops",
        "create or replace table ops.pins (pin bigint, source varchar, table_name varchar, "
        "from_seq bigint, to_seq bigint)",
        "insert into ops.pins values (1, 'shop', 'orders', 0, 2), (2, 'shop', 'orders', 2, 2), "
        "(3, 'shop', 'orders', 2, 5), (1, 'shop', 'streamed', 0, 1), (1, 'other', 'orders', 0, 9)",
        "create or replace table raw_shop.orders (n integer, _ingest_seq bigint, "
        "_source_file varchar, _source_line bigint, _loaded_at timestamptz)",
        "insert into raw_shop.orders select n, n, 'f' || n, 7, '2026-03-01 00:00:00+00' "
        "from range(1, 7) as numbers(n)",
        "create or replace table raw_shop.streamed (n integer, _ingest_seq bigint, "
        "_kafka_topic_id varchar, _kafka_partition integer, _kafka_offset bigint, "
        "_loaded_at timestamptz)",
        "insert into raw_shop.streamed values (1, 1, 'uuid', 3, 42, '2026-03-01 00:00:00+00')",
    )
    window = _window(orders={"from_seq": 1, "to_seq": 5}, streamed={"from_seq": 0, "to_seq": 1})
    project.dbt("run", "--select", "landed_orders", "landed_streamed", **window)
    orders = project.rows("select n, load_pin, source_rank, position_major from landed_orders")
    assert sorted(orders) == [(2, 1, 7, "f2"), (3, 3, 7, "f3"), (4, 3, 7, "f4"), (5, 3, 7, "f5")]
    streamed = project.rows("select position_major, position_minor, load_pin from landed_streamed")
    assert streamed == [("uuid/3", 42, 1)]

    # Without a pin all rows are taken; what no pin covers comes last.
    project.dbt("run", "--select", "landed_orders")
    pins = project.rows("select n, load_pin from landed_orders order by n")
    assert pins == [(1, 1), (2, 1), (3, 3), (4, 3), (5, 3), (6, 2147483647)]


def test_bigquery_replaces_the_same_dates_by_one_merge(project: Any) -> None:
    window = _window(orders=NEW_ORDERS)
    code = project.compiled("--select", "merged", ADX_COMPILE_AS="incremental", **window)["merged"]
    words = " ".join(code.split()).lower()
    assert words.startswith("merge into `nowhere`.`main`.`daily` as dbt_internal_dest using")
    assert "on false" in words
    assert (
        "when not matched by source and (dbt_internal_dest.d = date '2026-02-27' "
        "or dbt_internal_dest.d = date '2026-03-01' "
        "or dbt_internal_dest.d between date '2026-03-05' and date '2026-03-06') then delete"
    ) in words
    assert "when not matched then insert" in words


WRONG = {
    "hub('x', '', ['k'])": "hub needs the argument 'hash_key'",
    "hub([], 'hk', ['k'])": "hub needs the argument 'sources'",
    "hub([3], 'hk', ['k'])": "hub takes as source a relation",
    "link('x', 'hk', [])": "link needs the argument 'hub_keys'",
    "satellite('x', 'hk', '', ['k'])": "satellite needs the argument 'hashdiff'",
    "event_link('x', 'hk', [], none, ['k'])": "event_link needs the argument 'event_date'",
    "stage('x', unique_by=['k'])": "stage needs 'unique_by' and 'order_by' together",
    "hash_key(['k:number'])": "text_of: unknown type 'number'",
    "hashdiff(['k:text:upper'])": "the case of 'k' is keep or lower",
    "landed('a', 'b', 1, position='disk')": "position is 'kafka' or 'file'",
    "affected_dates('d')": "affected_dates needs config(meta={'date_effects': [...]})",
    "window_predicate('shop', 'none')": "the window of this build has no table 'shop.none'",
}


@pytest.fixture(scope="session")
def culprit(make_project: Any) -> Any:
    """One model that makes each mistake in turn, so that the project is parsed once."""
    mistakes = "".join(
        f"{{% elif env_var('MISTAKE') == '{number}' %}}{{{{ {call} }}}}"
        for number, call in enumerate(WRONG)
    )
    model = (
        "{{ config(materialized='incremental') }}{% if not execute %}" + mistakes + "{% endif %}"
    )
    return make_project("wrong", {"culprit": model}, FOLDERS)


@pytest.mark.parametrize(("number", "call"), enumerate(WRONG))
def test_a_wrong_argument_names_the_model(number: int, call: str, culprit: Any) -> None:
    window = {"MISTAKE": str(number), "ADX_COMPILE_AS": "incremental", **_window()}
    with pytest.raises(AssertionError, match="Model culprit: ") as caught:
        culprit.dbt("compile", "--select", "culprit", **window)
    assert WRONG[call] in str(caught.value)
