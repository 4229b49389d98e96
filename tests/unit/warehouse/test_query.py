"""Read-only SQL: what only reads is answered, everything else gets a sentence."""

import duckdb
import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings
from orchestration.warehouse.query import query
from orchestration.warehouse.store import FILE_NAME, Manifest, Store


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home)
    store = Store(settings.warehouse)
    folder = store.start()
    with duckdb.connect(str(folder / FILE_NAME)) as connection:
        connection.execute(
            "create table t as select n, n / 3::decimal(38, 9) as d from range(5) r(n)"
        )
    store.point_to(store.accept(Manifest("b000001-pin1", 1, None, "", True, "", "", 0, 0, 0)))
    return settings


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from t",
        "from t limit 1;",
        "with x as (select 1 as a) select * from x",
        "describe t",
        "summarize t",
        "show all tables",
        "explain select * from t",
    ],
)
def test_what_only_reads_is_answered(settings, sql):
    assert query(settings, sql, limit=None).rows


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("create table u (i int)", "create"),
        ("drop table t", "drop"),
        ("insert into t values (1, 2)", "insert"),
        ("update t set n = 1", "update"),
        ("delete from t", "delete"),
        ("copy t to '/tmp/t.csv'", "copy"),
        ("attach 'other.duckdb'", "attach"),
        ("set threads = 1", "set"),
        ("checkpoint", "call"),
    ],
)
def test_what_writes_is_refused_by_name(settings, sql, kind):
    with pytest.raises(AdxError) as caught:
        query(settings, sql, limit=None)
    assert caught.value.exit_code is ExitCode.USAGE
    assert f"only reads; this is {kind}" in caught.value.message


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select * from no_such_table", "no_such_table"),
        ("select frm t", "cannot be answered"),
        ("select 1; select 2", "One statement is wanted, not 2"),
        ("", "One statement is wanted, not 0"),
        ("explain analyze insert into t values (1, 2)", "cannot be answered"),
    ],
)
def test_a_query_that_cannot_be_answered_says_why(settings, sql, message):
    with pytest.raises(AdxError, match=message) as caught:
        query(settings, sql, limit=None)
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_limit_says_whether_there_was_more(settings):
    assert query(settings, "from t", limit=5).truncated is False
    answer = query(settings, "from t order by n", limit=2)
    assert (len(answer.rows), answer.truncated) == (2, True)
    assert answer.columns == ["n", "d"]


def test_an_unknown_build_is_named(settings):
    for build, message in (("scratch", "no scratch build"), ("b000009-pin1", "b000009-pin1")):
        with pytest.raises(AdxError, match=message):
            query(settings, "from t", limit=1, build=build)
