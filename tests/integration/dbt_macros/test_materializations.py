"""Tables of DuckDB are replaced and extended where they stand, or stay as they were."""

from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt_macros")]

MODEL = (
    "{{ config(materialized=env_var('KIND', 'incremental'), "
    "incremental_strategy=env_var('STRATEGY', 'append'), "
    "unique_key=env_var('KEY', 'a').split(',')) }} "
    "select {{ env_var('SELECTED', '1 as a, 2 as b') }} -- the last line"
)


@pytest.fixture(scope="module")
def project(make_project: Any) -> Any:
    return make_project("materializations", {"grown": MODEL}, ("cross_db", "adtech", "overrides"))


@pytest.fixture
def grown(project: Any) -> Any:
    project.execute("drop table if exists grown", "drop view if exists grown")
    project.dbt("run")
    return project


def test_an_increment_takes_columns_by_name(grown: Any) -> None:
    grown.dbt("run", SELECTED="20 as b, 10 as a")
    assert grown.rows("from grown order by a") == [(1, 2), (10, 20)]


def test_a_merge_updates_what_is_there_and_inserts_the_rest(grown: Any) -> None:
    grown.dbt("run", STRATEGY="merge", SELECTED="20 as b, unnest([1, 5]) as a")
    assert grown.rows("from grown order by a") == [(1, 20), (5, 20)]
    grown.dbt("run", STRATEGY="merge", KEY="a,b", SELECTED="1 as a, unnest([2, 20]) as b")
    assert grown.rows("from grown order by all") == [(1, 2), (1, 20), (5, 20)]


@pytest.mark.parametrize(
    ("selected", "difference"),
    [
        ("1 as a", "b (stored INTEGER, selected nowhere)"),
        ("1 as a, 2 as b, 3 as c", "c (stored nowhere, selected INTEGER)"),
        ("1 as a, 'x' as b", "b (stored INTEGER, selected VARCHAR)"),
    ],
)
def test_an_increment_with_other_columns_is_refused(
    grown: Any, selected: str, difference: str
) -> None:
    with pytest.raises(AssertionError) as raised:
        grown.dbt("run", SELECTED=selected)
    assert difference in str(raised.value)
    assert "--full-refresh" in str(raised.value)
    assert grown.rows("from grown") == [(1, 2)]
    grown.dbt("run", "--full-refresh", SELECTED=selected)
    assert len(grown.rows("from grown")) == 1


def test_a_strategy_that_does_not_exist_is_named(grown: Any) -> None:
    with pytest.raises(
        AssertionError, match="merge or replace_dates on DuckDB, not insert_overwrite"
    ):
        grown.dbt("run", STRATEGY="insert_overwrite")


@pytest.mark.parametrize("kind", ["table", "incremental"])
def test_a_view_that_becomes_a_table_is_replaced(grown: Any, kind: str) -> None:
    grown.dbt("run", KIND="view")
    grown.dbt("run", KIND=kind, SELECTED="3 as a, 4 as b")
    assert grown.rows("from grown") == [(3, 4)]
    assert grown.rows("select table_type from information_schema.tables") == [("BASE TABLE",)]


def test_a_table_that_cannot_be_made_again_stays(grown: Any) -> None:
    with pytest.raises(AssertionError, match="Conversion"):
        grown.dbt("run", KIND="table", SELECTED="cast('x' as integer) as a")
    assert grown.rows("from grown") == [(1, 2)]
