"""Points in time and chains of links, on literal rows, in DuckDB and in Google's executor."""

import datetime as dt
from typing import Any

import pytest

from tests.integration.dbt_macros.batches import Row, in_order, literal

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
FIRST, LAST = "1900-01-01", "9999-12-31"
KINDS = {"since": "timestamp", "o": "bigint", "active": "boolean"}


def relation(name: str, columns: str, *rows: Row) -> str:
    """A CTE; the column `since` is given in minutes."""
    names = columns.split()

    def column(column_name: str, value: Any) -> str:
        sql = f"cast({literal(value)} as {KINDS.get(column_name, 'string')})"
        if column_name == "since" and value is not None:
            moment = START + dt.timedelta(minutes=value)
            sql = f"timestamp '{moment:%Y-%m-%d %H:%M:%S}'"
        return f"{sql} as {column_name}"

    selects = [
        "select " + ", ".join(column(*pair) for pair in zip(names, values, strict=True))
        for values in (rows or [tuple(None for _ in names)])
    ]
    empty = "" if rows else " from (select 1 as one) as nothing where 1 = 0"
    return f"{name} as ({' union all '.join(selects)}{empty})"


HUB = relation("hub", "k", ("x",), ("y",))
NAMES = relation(
    "names",
    "k d since o",
    ("x", "n1", 10, 1),
    ("x", "n2", 30, 2),
    ("x", "n3", 30, 3),
    ("x", "n0", None, 4),
    ("z", "n1", 10, 5),
)
FLAGS = relation("flags", "parent flag since o", ("x", "up", 20, 1), ("y", "up", 10, 1))
MOMENTS = relation("moments", "since", (9,), (10,), (29,), (30,))
BY_TIME = "'effective_from': 'since'"
TWO = (
    f"[{{'relation': 'names', 'name': 'name', 'hashdiff': 'd', {BY_TIME}}}, "
    f"{{'relation': 'flags', 'name': 'flag', 'parent_key': 'parent', {BY_TIME}, "
    "'columns': {'state': 'flag'}}]"
)

LINES = relation("line_link", "lc l c", ("1", "l1", "c1"), ("2", "l1", "c2"), ("3", "l2", "c1"))
OWNERS = relation("owner_link", "ca c a", ("7", "c1", "a1"), ("8", "c2", "a1"), ("9", "c1", "a2"))
LINE_TIMES = relation(
    "line_times",
    "lc since active o",
    ("1", 10, True, 1),
    ("1", 12, True, 2),
    ("1", 20, False, 3),
    ("2", 20, True, 3),
    ("2", 30, False, 4),
    ("2", 30, True, 5),
    ("3", 10, True, 6),
    (None, 15, False, 7),
)
OWNER_TIMES = relation(
    "owner_times",
    "ca since active o",
    ("7", 5, True, 1),
    ("7", 15, False, 2),
    ("9", 15, True, 2),
    ("8", 25, True, 3),
    ("9", 40, False, 4),
)
LINES_HUB = relation("lines", "l", ("l1",), ("l2",), ("l3",))
WALK = (
    "[{'link': 'line_link', 'link_key': 'lc', 'to': 'c', 'effectivity': 'line_times'}, "
    "{'link': 'owner_link', 'link_key': {'owner': 'ca'}, 'to': {'advertiser': 'a'}, "
    "'effectivity': 'owner_times'}]"
)
BRIDGE = "bridge('lines', 'l', WALK, effective_from='since', is_active='active', load_order='o')"
CHAIN = [LINES_HUB, LINES, OWNERS, LINE_TIMES, OWNER_TIMES]

CASES: dict[str, tuple[list[str], str, str, list[Row]]] = {
    "pit_has_one_row_a_key_at_any_time": (
        [HUB, NAMES, FLAGS],
        f"pit('hub', 'k', {TWO}, load_order=['o'])",
        "k, name_hashdiff, name_since, state, flag_since, valid_from, valid_to",
        [
            ("x", None, None, None, None, FIRST, 10),
            ("x", "n1", 10, None, None, 10, 20),
            ("x", "n1", 10, "up", 20, 20, 30),
            ("x", "n3", 30, "up", 20, 30, LAST),
            ("y", None, None, None, None, FIRST, 10),
            ("y", None, None, "up", 10, 10, LAST),
        ],
    ),
    "pit_as_of_moments": (
        [HUB, NAMES, MOMENTS],
        (
            f"pit('hub', 'k', {{'relation': 'names', 'name': 'name', 'hashdiff': 'd', {BY_TIME}}}, "
            "as_of='moments', as_of_column='since', load_order=['o'])"
        ),
        "since, k, name_hashdiff, name_since",
        [
            (9, "x", None, None),
            (10, "x", "n1", 10),
            (29, "x", "n1", 10),
            (30, "x", "n3", 30),
            *((moment, "y", None, None) for moment in (9, 10, 29, 30)),
        ],
    ),
    "pit_points_to_ghost_records": (
        [
            relation("hub", "k", ("x",)).replace("cast('x' as string)", "{{ hash_key(\"'x'\") }}"),
            relation("names", "k since o", ("x", 10, 1)).replace(
                "cast('x' as string) as k",
                "{{ hash_key(\"'x'\") }} as k, {{ hash_key(\"'n'\") }} as d",
            ),
        ],
        (
            "pit('hub', 'k', {'relation': 'names', 'name': 'name', 'hashdiff': 'd'}, "
            "ghost_record=true, load_datetime='since', load_order=['o'])"
        ),
        (
            "name_hk = {{ hash_zero() }} and name_hashdiff = {{ hash_zero() }} as is_ghost, "
            "name_since, valid_from, valid_to"
        ),
        [(True, "1970-01-01", FIRST, 10), (False, 10, 10, LAST)],
    ),
    "pit_of_a_satellite_without_rows": (
        [HUB, relation("names", "k d since o")],
        (
            f"pit('hub', 'k', {{'relation': 'names', 'name': 'name', 'hashdiff': 'd', {BY_TIME}}}, "
            "load_order=['o'])"
        ),
        "k, name_hashdiff, name_since, valid_from, valid_to",
        [("x", None, None, FIRST, LAST), ("y", None, None, FIRST, LAST)],
    ),
    "pit_of_some_rows_of_a_satellite": (
        [HUB, NAMES],
        (
            f"pit('hub', 'k', {{'relation': 'names', 'name': 'name', 'hashdiff': 'd', {BY_TIME}, "
            "'where': \"d <> 'n3'\", 'load_order': ['o']})"
        ),
        "k, name_hashdiff, valid_to",
        [("x", None, 10), ("x", "n1", 30), ("x", "n2", LAST), ("y", None, LAST)],
    ),
    "bridge_holds_while_the_whole_chain_does": (
        CHAIN,
        BRIDGE,
        "l, lc, c, owner, advertiser, valid_from, valid_to",
        [
            ("l1", "1", "c1", "7", "a1", 10, 15),
            ("l1", "1", "c1", "9", "a2", 15, 20),
            ("l1", "2", "c2", "8", "a1", 25, LAST),
            ("l2", "3", "c1", "7", "a1", 10, 15),
            ("l2", "3", "c1", "9", "a2", 15, 40),
        ],
    ),
    "bridge_as_of_moments": (
        [*CHAIN, MOMENTS],
        BRIDGE[:-1] + ", as_of='moments', as_of_column='since')",
        "since, l, advertiser",
        [
            (10, "l1", "a1"),
            (10, "l2", "a1"),
            (29, "l1", "a1"),
            (29, "l2", "a2"),
            (30, "l1", "a1"),
            (30, "l2", "a2"),
        ],
    ),
    "bridge_of_links_without_times": (
        [LINES_HUB, LINES],
        "bridge('lines', 'l', {'link': 'line_link', 'link_key': 'lc', 'to': 'c'})",
        "l, lc, c, valid_from, valid_to",
        [
            ("l1", "1", "c1", FIRST, LAST),
            ("l1", "2", "c2", FIRST, LAST),
            ("l2", "3", "c1", FIRST, LAST),
        ],
    ),
    "bridge_of_keys_that_are_called_otherwise": (
        [
            relation("things", "k", ("top",), ("leaf",)),
            relation("inside", "i child parent", ("1", "leaf", "branch"), ("2", "branch", "top")),
        ],
        (
            "bridge('things', 'k', [{'link': 'inside', 'link_key': {'first': 'i'}, "
            "'from': 'child', 'to': {'one_up': 'parent'}}, "
            "{'link': 'inside', 'link_key': {'second': 'i'}, "
            "'from': 'child', 'to': {'two_up': 'parent'}}])"
        ),
        "k, first, one_up, second, two_up",
        [("leaf", "1", "branch", "2", "top")],
    ),
}

WRONG = {
    "pit('hub', 'k', none)": "pit needs the argument 'satellites'",
    "pit('hub', 'k', {'relation': 'names'})": "pit needs 'name' of each satellite",
    "pit('hub', 'k', {'relation': 'names', 'name': 'n', 'ldts': 'at'})": (
        "pit knows no 'ldts' of a satellite"
    ),
    "bridge('hub', 'k', [])": "bridge needs the argument 'walk'",
    "bridge('hub', 'k', {'link': 'inside', 'to': 'c'})": (
        "bridge needs 'link_key' of each step of the walk"
    ),
    "bridge('hub', 'k', {'link': 'inside', 'link_key': 'i', 'to': 'c', 'esat': 'e'})": (
        "bridge knows no 'esat' of a step"
    ),
    "multi_active_satellite('a', 'k', [], 'd', 'v')": (
        "multi_active_satellite needs the argument 'child_keys'"
    ),
    "effectivity_satellite('a', 'k', [])": (
        "effectivity_satellite needs the argument 'driving_keys'"
    ),
    "effectivity_satellite({'relation': none}, 'k', 'a')": (
        "effectivity_satellite takes as source a relation, the name of a CTE, or "
        "{relation, columns, where}"
    ),
    "record_tracking_satellite('a', none)": (
        "record_tracking_satellite needs the argument 'parent_key'"
    ),
    "record_tracking_satellite('a', 'k', ghost_record=true)": (
        "record_tracking_satellite has a ghost record only with 'is_deleted'"
    ),
}


def _models() -> dict[str, str]:
    models = {}
    for name, (relations, call, columns, _) in CASES.items():
        answer = f"answer as ({{{{ {call.replace('WALK', WALK)} }}}})"
        models[name] = (
            "{{ config(materialized='table') }}\n"
            f"with {', '.join([*relations, answer])} select {columns} from answer"
        )
    return models


def shown(value: Any) -> Any:
    """Moments as minutes, or as dates where they are far off."""
    if not isinstance(value, dt.datetime):
        return value
    moment = value.replace(tzinfo=dt.UTC)
    minutes = int((moment - START).total_seconds() // 60)
    return minutes if 0 <= minutes < 1000 else f"{moment:%Y-%m-%d}"


pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt_macros")]


@pytest.fixture(scope="session")
def project(make_project: Any) -> Any:
    return make_project("query_macros", _models())


@pytest.fixture(scope="session")
def built(project: Any) -> Any:
    project.dbt("run")
    return project


@pytest.fixture(scope="session")
def compiled(project: Any) -> dict[str, str]:
    return dict(project.compiled())


@pytest.mark.parametrize("name", CASES)
def test_duckdb_gives_the_expected_rows(name: str, built: Any) -> None:
    rows = built.rows(f"from main.{name}")
    assert in_order(tuple(map(shown, row)) for row in rows) == in_order(CASES[name][-1])


@pytest.mark.parametrize("name", CASES)
def test_googlesql_gives_the_expected_rows(name: str, compiled: Any, googlesql: Any) -> None:
    rows = googlesql.rows(compiled[name])
    assert in_order(tuple(map(shown, row.values())) for row in rows) == in_order(CASES[name][-1])


@pytest.fixture(scope="session")
def complaints(make_project: Any) -> str:
    """What dbt says about all wrong calls, each in a model of its own."""
    models = {
        f"mistaken_{number}": f"{{% if execute %}}{{{{ {call} }}}}{{% endif %}}"
        for number, call in enumerate(WRONG)
    }
    with pytest.raises(AssertionError) as stopped:
        make_project("mistaken", models).dbt("run")
    return str(stopped.value)


@pytest.mark.parametrize("number", range(len(WRONG)), ids=list(WRONG))
def test_a_wrong_argument_is_named_with_its_model(number: int, complaints: str) -> None:
    assert f"Model mistaken_{number}: {list(WRONG.values())[number]}" in complaints
