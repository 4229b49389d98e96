"""Every vault macro in every case that a vault must survive, on a real dbt and a real DuckDB.

A case is a model, the batches its source delivers, and the rows it must end up with, by hand. All
cases are models of one project: run n delivers batch n of each of them. A second project sees
all batches at once. Rows are `key, value, loaded, order`: `loaded` is the load time in minutes,
`order` the load order; `from` the effective time.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.integration.dbt_macros.batches import Row, in_order, merged, table_of

COLUMNS = (
    "k varchar, k2 varchar, v varchar, n bigint, d date, loaded integer, o integer, eff integer"
)
NAMES = ("k", "k2", "v", "n", "d", "loaded", "o", "eff")


def row(k: str | None, v: str | None, loaded: int, o: int, **more: Any) -> Row:
    values = {"k": k, "v": v, "loaded": loaded, "o": o, **more}
    return tuple(values.get(name) for name in NAMES)


STAGE = """
{%% set %(name)s %%}(
{{ stage(
    source='cases.%(table)s',
    hash_keys={'thing_hk': ['k'], 'other_hk': ['k2'], 'pair_hk': ['k', 'k2']},
    hashdiffs={'plain_diff': ['v', 'n:integer'], 'timed_diff': ['v', 'n:integer', 'eff:integer']},
    derived={'loaded_at': "cast('2026-01-01' as timestamp) + to_minutes(loaded)"},
    record_source="'%(case)s'",
) }}) as staged{%% endset %%}
"""

COMMON = "load_datetime='loaded_at', load_order=['o']"
HUB = "{{ hub(stg, 'thing_hk', {'thing_bk': 'k'}, " + COMMON + ") }}"
LINK = "{{ link(stg, 'pair_hk', ['thing_hk', 'other_hk'], " + COMMON + ") }}"
EVENTS = (
    "{{ event_link(stg, 'thing_hk', ['other_hk'], 'd', ['k', 'v', 'loaded'], "
    "stored_dates=dates, " + COMMON + ") }}"
)
OPTIONAL = EVENTS.replace("['other_hk']", "[]").replace(
    "stored_dates", "optional_hub_keys=['other_hk'], stored_dates"
)
SAT = "{{ satellite(stg, 'thing_hk', 'plain_diff', ['k', 'v', 'n', 'loaded'], " + COMMON + ") }}"
TIMED = (
    "{{ satellite(stg, 'thing_hk', 'timed_diff', ['k', 'v', 'n', 'loaded'], "
    "effective_from='eff', " + COMMON + ") }}"
)


@dataclass(frozen=True)
class Case:
    name: str
    model: str
    batches: list[list[Row]]
    expected: list[Row]
    columns: str = "k, v, loaded"
    stored_dates: str = "true"
    second_source: list[list[Row]] = field(default_factory=list)


A1, B1 = row("x", "A", 1, 1), row("x", "B", 1, 2)
CASES = [
    # ---- hubs
    Case(
        "hub_duplicates_in_a_batch",
        HUB,
        [[row("x", "", 2, 2), row("x", "", 1, 1), row(" x\t", "", 3, 3)]],
        [("x", 1)],
        "thing_bk, o",
    ),
    Case(
        "hub_null_and_empty_keys_give_no_row",
        HUB,
        [[row(None, "", 1, 1), row("", "", 1, 2), row(" \n", "", 1, 3), row("x", "", 1, 4)]],
        [("x", 4)],
        "thing_bk, o",
    ),
    Case(
        "hub_same_batch_twice",
        HUB,
        [[row("x", "", 1, 1)], [row("x", "", 1, 1)], [row("x", "", 3, 3), row("y", "", 3, 4)]],
        [("x", 1), ("y", 4)],
        "thing_bk, o",
    ),
    Case("hub_empty_batches", HUB, [[], [row("x", "", 1, 1)], []], [("x", 1)], "thing_bk, o"),
    Case(
        "hub_of_two_sources",
        HUB.replace(
            "stg",
            "[stg, {'relation': stg2, 'columns': {"
            "'thing_bk': 'k2', 'thing_hk': 'other_hk'}, 'where': \"v = 'take'\"}]",
        ),
        [[row("x", "", 1, 5)], [row("y", "", 2, 9)]],
        [("x", 3), ("y", 9), ("z", 4)],
        "thing_bk, o",
        second_source=[
            [row(None, "take", 1, 3, k2="x"), row(None, "take", 1, 4, k2="z")],
            [row(None, "take", 2, 10, k2="y"), row(None, "leave", 2, 11, k2="w")],
        ],
    ),
    Case(
        "hub_composite_key",
        HUB.replace("'thing_hk', {'thing_bk': 'k'}", "'pair_hk', ['k', 'k2']"),
        [[row("a|b", "", 1, 1, k2="c"), row("a", "", 1, 2, k2="b|c"), row("a", "", 1, 3)]],
        [("a", "b|c"), ("a|b", "c")],
        "k, k2",
    ),
    Case(
        "hub_ghost_record",
        HUB.replace(
            "load_order=['o']",
            "load_order=['o'], ghost_record=true, ghost_values={'thing_bk': \"'(unknown)'\"}",
        ),
        [[row("x", "", 1, 1)], [row("y", "", 2, 2)]],
        [
            ("(unknown)", "00000000-0000-0000-0000-000000000000", "ghost"),
            ("x", "9dd4e461-268c-8034-f5c8-564e155c67a6", "hub_ghost_record"),
            ("y", "41529076-9594-460e-2e48-5922904f345d", "hub_ghost_record"),
        ],
        "thing_bk, cast(thing_hk as varchar), record_source",
    ),
    # ---- links
    Case(
        "link_first_delivery_wins_and_nulls_give_no_row",
        LINK,
        [
            [row("x", "", 2, 2, k2="p"), row("x", "", 1, 1, k2="p"), row("x", "", 1, 3)],
            [row("x", "", 3, 4, k2="q"), row("x", "", 3, 5, k2="p"), row(None, "", 3, 6, k2="p")],
        ],
        [(1,), (4,)],
        "o",
    ),
    Case(
        "link_ghost_record",
        LINK.replace("load_order=['o']", "load_order=['o'], ghost_record=true"),
        [[row("x", "", 1, 1, k2="p")], []],
        [(True, None), (False, 1)],
        "pair_hk = thing_hk and pair_hk = other_hk, o",
    ),
    # ---- event links
    Case(
        "event_link_first_delivery_wins",
        EVENTS,
        [
            [
                row("e", "late copy", 1, 2, k2="p", d="2026-03-28"),
                row("e", "first", 1, 1, k2="p", d="2026-03-28"),
            ],
            [
                row("e", "again", 2, 3, k2="p", d="2026-03-28"),
                row("f", "new", 2, 4, k2="p", d="2026-03-28"),
            ],
        ],
        [("e", "first"), ("f", "new")],
        "k, v",
        "d between date '2026-03-27' and date '2026-03-29'",
    ),
    Case(
        "event_link_other_side_of_midnight_is_the_same_event",
        EVENTS,
        [
            [row("e", "first", 1, 1, k2="p", d="2026-03-28")],
            [row("e", "conflict", 2, 2, k2="p", d="2026-03-29")],
        ],
        [("e", "first")],
        "k, v",
        "d between date '2026-03-28' and date '2026-03-30'",
    ),
    Case(
        "event_link_needs_its_hubs_but_not_the_optional_ones",
        OPTIONAL,
        [[row("e", "no user", 1, 1, d="2026-03-28"), row(None, "no key", 1, 2, d="2026-03-28")]],
        [("e", "no user", None)],
        "k, v, other_hk",
    ),
    Case(
        "event_link_without_a_hub_gives_no_row",
        EVENTS,
        [[row("e", "no hub", 1, 1, d="2026-03-28"), row("f", "hub", 1, 2, k2="p", d="2026-03-28")]],
        [("f", "hub")],
        "k, v",
    ),
    # ---- satellites whose versions follow from change
    Case(
        "sat_a_b_a",
        SAT,
        [[A1], [row("x", "B", 2, 2)], [row("x", "A", 3, 3)], [row("x", "A", 4, 4)]],
        [("x", "A", 1), ("x", "B", 2), ("x", "A", 3)],
    ),
    Case(
        "sat_several_changes_in_a_batch",
        SAT,
        [
            [row("x", "C", 3, 3), A1, row("x", "B", 2, 2), row("x", "C", 4, 4)],
            [row("x", "C", 5, 5), row("x", "A", 6, 6), row("x", "B", 7, 7), row("x", "A", 8, 8)],
        ],
        [("x", "A", 1), ("x", "B", 2), ("x", "C", 3), ("x", "A", 6), ("x", "B", 7), ("x", "A", 8)],
    ),
    Case(
        "sat_several_versions_in_the_last_load",
        SAT.replace("load_order=['o']", "load_order=['loaded', 'o']"),
        [
            [A1, B1, row("y", "A", 1, 3)],
            [row("x", "A", 2, 4), row("y", "A", 2, 5)],
            [row("x", "B", 2, 6), row("y", "B", 2, 7)],
            [row("x", "B", 3, 8), row("y", "A", 3, 9), row("z", "A", 3, 10)],
        ],
        [
            ("x", "A", 1),
            ("x", "B", 1),
            ("x", "A", 2),
            ("x", "B", 2),
            ("y", "A", 1),
            ("y", "B", 2),
            ("y", "A", 3),
            ("z", "A", 3),
        ],
    ),
    Case(
        "sat_several_changes_with_one_load_time",
        SAT,
        [[A1, B1, row("x", "C", 1, 3)]],
        [("x", "A", 1), ("x", "B", 1), ("x", "C", 1)],
    ),
    Case(
        "sat_old_batch_delivered_again",
        SAT,
        [[A1], [row("x", "B", 2, 2)], [A1], [row("x", "A", 1, 9), row("x", "B", 2, 10)]],
        [("x", "A", 1), ("x", "B", 2)],
    ),
    Case(
        "sat_unchanged_row_delivered_again_in_its_own_place",
        SAT,
        [[A1], [row("x", "A", 2, 2)], [row("x", "B", 3, 3)], [row("x", "A", 2, 2)]],
        [("x", "A", 1), ("x", "B", 3)],
    ),
    Case(
        "sat_change_after_an_old_batch_came_again",
        SAT,
        [
            [A1],
            [row("x", "B", 2, 2)],
            [row("x", "A", 1, 3), row("x", "B", 4, 4)],
            [row("x", "A", 5, 5)],
        ],
        [("x", "A", 1), ("x", "B", 2), ("x", "A", 5)],
    ),
    Case(
        "sat_late_batch_with_an_older_load_time",
        SAT,
        [[A1], [row("x", "B", 3, 2)], [row("x", "C", 2, 3)], [row("x", "B", 4, 4)]],
        [("x", "A", 1), ("x", "B", 3), ("x", "C", 2), ("x", "B", 4)],
    ),
    Case(
        "sat_null_payload_is_a_value_and_not_the_empty_text",
        SAT,
        [
            [row("x", None, 1, 1), row("y", "", 1, 2)],
            [row("x", None, 2, 3), row("y", None, 2, 4)],
            [row("x", "", 3, 5)],
        ],
        [("x", None, 1), ("x", "", 3), ("y", "", 1), ("y", None, 2)],
    ),
    Case(
        "sat_null_key_gives_no_version",
        SAT,
        [[row(None, "A", 1, 1), row("", "A", 1, 2)], [A1]],
        [("x", "A", 1)],
    ),
    Case(
        "sat_same_batch_twice_and_an_empty_one",
        SAT,
        [[A1, B1], [], [A1, B1]],
        [("x", "A", 1), ("x", "B", 1)],
    ),
    Case(
        "sat_keys_do_not_mix",
        SAT,
        [[A1, row("y", "B", 1, 2)], [row("x", "B", 2, 3), row("y", "B", 2, 4)]],
        [("x", "A", 1), ("x", "B", 2), ("y", "B", 1)],
    ),
    Case(
        "sat_ghost_record",
        SAT.replace("load_order=['o']", "load_order=['o'], ghost_record=true"),
        [[A1], [], [row("x", "B", 2, 2)]],
        [(None, None, "ghost"), ("x", "A", "sat_ghost_record"), ("x", "B", "sat_ghost_record")],
        "k, v, record_source",
    ),
    Case(
        "sat_of_two_sources",
        SAT.replace("stg", "[stg, stg2]"),
        [[A1], [row("x", "A", 3, 3)]],
        [("x", "A", 1), ("x", "B", 2), ("x", "A", 3)],
        second_source=[[row("x", "B", 2, 2)], []],
    ),
    # ---- satellites whose versions carry the source's own time
    Case(
        "timed_sat_a_b_a",
        TIMED,
        [[row("x", "A", 1, 1, eff=10)], [row("x", "B", 2, 2, eff=20), row("x", "A", 2, 3, eff=30)]],
        [("x", "A", 10), ("x", "B", 20), ("x", "A", 30)],
        "k, v, eff",
    ),
    Case(
        "timed_sat_out_of_order",
        TIMED,
        [
            [row("x", "B", 1, 1, eff=20)],
            [row("x", "A", 2, 2, eff=10)],
            [row("x", "B", 3, 3, eff=20)],
        ],
        [("x", "A", 10, 2), ("x", "B", 20, 1)],
        "k, v, eff, loaded",
    ),
    Case(
        "timed_sat_duplicates_in_a_batch",
        TIMED,
        [[row("x", "A", 2, 2, eff=10), row("x", "A", 1, 1, eff=10)]],
        [("x", "A", 10, 1)],
        "k, v, eff, loaded",
    ),
    Case(
        "timed_sat_without_a_time",
        TIMED,
        [[row("x", "A", 1, 1)], [row("x", "A", 2, 2), row("x", "A", 2, 3, eff=5)]],
        [("x", "A", None, 1), ("x", "A", 5, 2)],
        "k, v, eff, loaded",
    ),
]


def _random_case(name: str, model: str, seed: int, batches: int) -> Case:
    """Batches with their own load times, old ones delivered again, few keys and values."""
    randomness = random.Random(seed)
    deliveries: list[list[Row]] = []
    order = 0
    for loaded in range(1, batches + 1):
        again = deliveries and randomness.random() < 0.3
        old = randomness.choice(deliveries) if again else []
        fresh = [
            row(
                randomness.choice("pqrst"),
                randomness.choice("ABC"),
                loaded,
                0,
                k2=randomness.choice("uv"),
                d=f"2026-03-{27 + randomness.randrange(2)}",
                eff=randomness.randrange(4),
            )
            for _ in range(randomness.randrange(12))
        ]
        batch = []
        for values in old or fresh:
            order += 1
            batch.append((*values[:6], order, values[7]))
        deliveries.append(batch)
    return Case(name, model, deliveries, [])


RANDOM = [
    _random_case(f"random_{kind}_{seed}", model, seed, 12)
    for kind, model in (
        ("hub", HUB),
        ("link", LINK),
        ("events", EVENTS),
        ("sat", SAT),
        ("timed", TIMED),
    )
    for seed in ((1, 2, 3) if kind == "sat" else (1,))
]
SPLITS = {
    case.name: [
        Case(f"{case.name}_by_{size}", case.model, merged(case.batches, size), [])
        for size in (3, 5, 12)
    ]
    for case in RANDOM
}
EVERYTHING = CASES + [split for splits in SPLITS.values() for split in splits]


def _models() -> dict[str, str]:
    models = {}
    for case in EVERYTHING:
        sources = [("stg", f"stg_{case.name}")]
        if case.second_source:
            sources.append(("stg2", f"stg2_{case.name}"))
        staged = [STAGE % {"name": n, "table": t, "case": case.name} for n, t in sources]
        config = "{{ config(materialized='incremental') }}"
        dates = f'{{%- set dates = "{case.stored_dates}" -%}}'
        models[case.name] = "\n".join([config, dates, *staged, case.model])
    return models


def _deliver(project: Any, batch: int | None) -> None:
    """Put batch `batch` of every case into its source table; None for all batches at once."""
    statements = ["create schema if not exists cases"]
    for case in EVERYTHING:
        for prefix, batches in (("stg", case.batches), ("stg2", case.second_source)):
            if prefix == "stg2" and not case.second_source:
                continue
            if batch is None:
                rows = [values for delivered in batches for values in delivered]
            else:
                rows = batches[batch] if batch < len(batches) else []
            statements += table_of(f"cases.{prefix}_{case.name}", COLUMNS, rows)
    project.execute(*statements)


@pytest.fixture(scope="session")
def increments(make_project: Any) -> Any:
    project = make_project("increments", _models())
    for batch in range(max(len(case.batches) for case in EVERYTHING)):
        _deliver(project, batch)
        project.dbt("run")
    return project


@pytest.fixture(scope="session")
def rebuild(make_project: Any) -> Any:
    project = make_project("rebuild", _models())
    _deliver(project, None)
    project.dbt("run")
    return project


def _versions(rows: list[Row]) -> list[Row]:
    """The rule for one key's rows in load order, read literally: one after the other."""
    current, stored, versions = None, set(), []
    for values in rows:
        value, loaded = values[NAMES.index("v")], values[NAMES.index("loaded")]
        if value != current and (value, loaded) not in stored:
            stored.add((value, loaded))
            current = value
            versions.append(values)
    return versions


pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt_macros")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_increments_give_the_expected_rows(case: Case, increments: Any) -> None:
    found = increments.rows(f"select {case.columns} from main.{case.name}")
    assert in_order(found) == in_order(case.expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_first_load_equals_increments(case: Case, increments: Any, rebuild: Any) -> None:
    everything = f"select * from main.{case.name}"
    assert in_order(rebuild.rows(everything)) == in_order(increments.rows(everything))


@pytest.mark.parametrize("case", RANDOM, ids=lambda case: case.name)
def test_any_split_into_windows_gives_the_same_rows(case: Case, increments: Any) -> None:
    results = {
        split.name: in_order(
            increments.rows(f"select * exclude (record_source) from main.{split.name}")
        )
        for split in SPLITS[case.name]
    }
    reference = results[f"{case.name}_by_12"]
    assert reference
    assert all(rows == reference for rows in results.values())


@pytest.mark.parametrize(
    "case", [case for case in RANDOM if case.model == SAT], ids=lambda case: case.name
)
def test_a_satellite_follows_its_rule_row_by_row(case: Case, increments: Any) -> None:
    rows = [values for batch in case.batches for values in batch]
    expected = [
        (values[0], values[2], values[5], values[6])
        for key in sorted({values[0] for values in rows})
        for values in _versions([values for values in rows if values[0] == key])
    ]
    for split in SPLITS[case.name]:
        found = increments.rows(f"select k, v, loaded, o from main.{split.name}")
        assert in_order(found) == in_order(expected)
