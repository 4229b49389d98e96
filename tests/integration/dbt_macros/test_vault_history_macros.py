"""The satellites that tell what was true when: several at a time, relations, presence.

A case is a model, the batches its source delivers, and the rows it must end up with, by hand, in
DuckDB and in Google's reference executor. Random histories are told by the definition, read
literally, and must come out the same in whatever windows they are built.

Keys are shown as `x` and `x|a`, the zero key as `-`; times as minutes: `loaded` the load time,
`eff` the source's own; `o` is the load order.
"""

import datetime as dt
import hashlib
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.integration.dbt_macros.batches import Row, in_order, literal, merged, table_of

NAMES = ("k", "k2", "v", "gone", "eff", "loaded", "o")
TYPES = ("string", "string", "string", "boolean", "bigint", "bigint", "bigint")
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def row(k: str | None, k2: str | None, loaded: int, o: int, **more: Any) -> Row:
    values = {"k": k, "k2": k2, "gone": False, "loaded": loaded, "o": o, **more}
    return tuple(values.get(name) for name in NAMES)


STAGE = """
{%% set %(name)s %%}(
{{ stage(
    source='cases.%(table)s',
    hash_keys={'thing_hk': ['k'], 'other_hk': ['k2'], 'pair_hk': ['k', 'k2']},
    hashdiffs={
        'plain_diff': ['v'], 'timed_diff': ['v', 'gone:boolean', 'eff:integer'],
        'member_diff': ['k2', 'v'], 'timed_member_diff': ['k2', 'v', 'eff:integer'],
    },
    derived={
        'loaded_at': add_micros("cast('2026-01-01' as timestamp)", 'loaded * 60000000'),
        'from_at': add_micros("cast('2026-01-01' as timestamp)", 'eff * 60000000'),
    },
    record_source="'%(name)s'",
) }}) as staged{%% endset %%}
"""

COMMON = "load_datetime='loaded_at', load_order=['o']"
SEVERAL = (
    "{{ multi_active_satellite(stg, 'thing_hk', 'other_hk', 'plain_diff', ['v'], " + COMMON + ") }}"
)
TIMED_SEVERAL = (
    "{{ multi_active_satellite(stg, 'thing_hk', ['other_hk'], 'timed_diff', ['v', 'gone'], "
    "effective_from='from_at', " + COMMON + ") }}"
)
SETS = (
    "{{ multi_active_satellite(stg, 'thing_hk', 'other_hk', 'member_diff', ['v'], "
    "complete_sets=true, " + COMMON + ") }}"
)
TIMED_SETS = SETS.replace("member_diff", "timed_member_diff").replace(
    "complete_sets=true", "complete_sets=true, effective_from='from_at'"
)
RELATION = (
    "{{ effectivity_satellite(stg, 'pair_hk', 'thing_hk', ['other_hk'], is_deleted='gone', "
    "effective_from='from_at', " + COMMON + ") }}"
)
UNTIMED_RELATION = RELATION.replace("effective_from='from_at', ", "")
ALL_DRIVE = RELATION.replace("'thing_hk', ['other_hk']", "['thing_hk', 'other_hk']")
STATEMENTS = (
    "{{ record_tracking_satellite(stg, 'thing_hk', is_deleted='gone', effective_from='from_at', "
    + COMMON
    + ") }}"
)
LISTS = "{{ record_tracking_satellite(stg, 'thing_hk', " + COMMON + ") }}"

MEMBER = "thing_hk, other_hk, v, loaded_at"
HELD = "pair_hk, from_at, is_active, is_implied, o"
PRESENCE = "thing_hk, from_at, is_present"
LISTED = "record_source, thing_hk, loaded_at, is_present"


@dataclass(frozen=True)
class Case:
    name: str
    model: str
    batches: list[list[Row]]
    expected: list[Row]
    columns: str
    second_source: list[list[Row]] = field(default_factory=list)


def lists_of(source: str, *lists: tuple[int, str, str]) -> list[Row]:
    """Expected rows of key lists: load time, keys that appear, keys that disappear."""
    rows: list[Row] = []
    for loaded, appeared, disappeared in lists:
        rows.append((source, "-", loaded, True))
        rows += [(source, key, loaded, True) for key in appeared]
        rows += [(source, key, loaded, False) for key in disappeared]
    return rows


A, B = row("x", "a", 1, 1, v="1"), row("x", "b", 1, 2, v="1")
CASES = [
    # ---- several at a time, each for itself
    Case(
        "several_children_have_versions_of_their_own",
        SEVERAL,
        [[A, B], [row("x", "a", 2, 3, v="2")], [row("x", "a", 3, 4, v="1")]],
        [("x", "a", "1", 1), ("x", "a", "1", 3), ("x", "a", "2", 2), ("x", "b", "1", 1)],
        MEMBER,
    ),
    Case(
        "several_changes_of_a_child_in_a_batch",
        SEVERAL,
        [[A, row("x", "a", 1, 2, v="2"), row("x", "a", 1, 3, v="2"), row("x", "a", 2, 4, v="1")]],
        [("x", "a", "1", 1), ("x", "a", "2", 1), ("x", "a", "1", 2)],
        MEMBER,
    ),
    Case(
        "several_same_batch_twice_and_an_empty_one",
        SEVERAL,
        [[A, B], [], [A, B], [row("x", "b", 1, 9, v="1")]],
        [("x", "a", "1", 1), ("x", "b", "1", 1)],
        MEMBER,
    ),
    Case(
        "several_null_keys_give_no_version_null_payload_does",
        SEVERAL,
        [
            [row("x", None, 1, 1, v="1"), row(None, "a", 1, 2, v="1"), row("x", "a", 1, 3)],
            [row("x", "a", 2, 4), row("x", "a", 3, 5, v="")],
        ],
        [("x", "a", None, 1), ("x", "a", "", 3)],
        MEMBER,
    ),
    Case(
        "several_of_two_sources_with_a_ghost",
        SEVERAL.replace("stg", "[stg, stg2]").replace("['o']", "['o'], ghost_record=true"),
        [[A], [row("x", "a", 3, 3, v="1")]],
        [
            ("-", "-", None, "ghost"),
            ("x", "a", "1", "stg"),
            ("x", "a", "2", "stg2"),
            ("x", "a", "1", "stg"),
        ],
        "thing_hk, other_hk, v, record_source",
        second_source=[[row("x", "a", 2, 2, v="2")], []],
    ),
    Case(
        "several_timed_out_of_order_and_delivered_again",
        TIMED_SEVERAL,
        [
            [row("x", "a", 1, 1, v="2", eff=20)],
            [row("x", "a", 2, 2, v="1", eff=10), row("x", "b", 2, 3, v="1", eff=10)],
            [row("x", "a", 3, 4, v="2", eff=20), row("x", "a", 3, 5, gone=True, eff=30)],
        ],
        [
            ("a", "1", 10, False, 2),
            ("a", "2", 20, False, 1),
            ("a", None, 30, True, 3),
            ("b", "1", 10, False, 2),
        ],
        "other_hk, v, from_at, gone, loaded_at",
    ),
    # ---- complete sets
    Case(
        "set_is_stored_whole_when_one_changes_comes_or_goes",
        SETS,
        [
            [A, B],
            [row("x", "a", 2, 3, v="1"), row("x", "b", 2, 4, v="1")],
            [row("x", "a", 3, 5, v="1")],
            [row("x", "a", 4, 6, v="1"), row("x", "c", 4, 7, v="1"), row("y", "a", 4, 8, v="1")],
        ],
        [
            ("x", "a", "1", 1),
            ("x", "b", "1", 1),
            ("x", "a", "1", 3),
            ("x", "a", "1", 4),
            ("x", "c", "1", 4),
            ("y", "a", "1", 4),
        ],
        MEMBER,
    ),
    Case(
        "set_a_b_a_in_one_batch_and_delivered_again",
        SETS,
        [
            [A, row("x", "b", 2, 2, v="1"), row("x", "a", 3, 3, v="1")],
            [A, row("x", "a", 4, 4, v="1")],
            [row("x", "b", 2, 2, v="1")],
        ],
        [("x", "a", "1", 1), ("x", "b", "1", 2), ("x", "a", "1", 3)],
        MEMBER,
    ),
    Case(
        "set_of_a_child_twice_keeps_the_last_and_null_keys_give_none",
        SETS,
        [[A, row("x", "a", 1, 2), row("x", None, 1, 3), row("x", "b", 1, 4, v="")], []],
        [("x", "a", None, 1), ("x", "b", "", 1)],
        MEMBER,
    ),
    Case(
        "set_ghost_record",
        SETS.replace("['o']", "['o'], ghost_record=true"),
        [[A], [A]],
        [("-", "-", "-"), ("x", "a", "1")],
        "thing_hk, other_hk, coalesce(v, '-')",
    ),
    Case(
        "set_timed_late_and_again",
        TIMED_SETS,
        [
            [row("x", "a", 1, 1, v="1", eff=20), row("x", "b", 1, 2, v="1", eff=20)],
            [row("x", "a", 2, 3, v="1", eff=10)],
            [row("x", "a", 3, 4, v="1", eff=20), row("x", "b", 3, 5, v="1", eff=20)],
        ],
        [("x", "a", "1", 1), ("x", "b", "1", 1), ("x", "a", "1", 2)],
        MEMBER,
    ),
    # ---- relations
    Case(
        "relation_another_partner_ends_the_one_before",
        RELATION,
        [[row("x", "a", 1, 1, eff=10)], [row("x", "b", 2, 2, eff=20)]],
        [("x|a", 10, True, False, 1), ("x|a", 20, False, True, 2), ("x|b", 20, True, False, 2)],
        HELD,
    ),
    Case(
        "relation_a_b_a_in_one_batch",
        RELATION,
        [[row("x", "a", 1, 1, eff=10), row("x", "b", 1, 2, eff=20), row("x", "a", 1, 3, eff=30)]],
        [
            ("x|a", 10, True, False, 1),
            ("x|a", 20, False, True, 2),
            ("x|b", 20, True, False, 2),
            ("x|b", 30, False, True, 3),
            ("x|a", 30, True, False, 3),
        ],
        HELD,
    ),
    Case(
        "relation_late_one_fits_between",
        RELATION,
        [
            [row("x", "a", 1, 1, eff=10), row("x", "c", 1, 2, eff=30)],
            [row("x", "b", 2, 3, eff=20)],
        ],
        [
            ("x|a", 10, True, False, 1),
            ("x|a", 30, False, True, 2),
            ("x|c", 30, True, False, 2),
            ("x|a", 20, False, True, 3),
            ("x|b", 20, True, False, 3),
            ("x|b", 30, False, True, 3),
        ],
        HELD,
    ),
    Case(
        "relation_goes_back_to_one_that_was_confirmed",
        RELATION,
        [
            [row("x", "a", 1, 1, eff=10), row("x", "a", 1, 2, eff=30)],
            [row("x", "b", 2, 3, eff=20)],
        ],
        [
            ("x|a", 10, True, False, 1),
            ("x|a", 30, True, False, 2),
            ("x|a", 20, False, True, 3),
            ("x|b", 20, True, False, 3),
            ("x|b", 30, False, True, 3),
        ],
        HELD,
    ),
    Case(
        "relation_is_deleted_and_comes_again",
        RELATION,
        [
            [row("x", "a", 1, 1, eff=10)],
            [row("x", "a", 2, 2, eff=20, gone=True)],
            [row("x", "a", 3, 3, eff=30), row("x", "a", 3, 4, eff=20, gone=True)],
        ],
        [("x|a", 10, True, False, 1), ("x|a", 20, False, False, 2), ("x|a", 30, True, False, 3)],
        HELD,
    ),
    Case(
        "relation_deletion_of_a_former_one_leaves_the_present_one",
        RELATION,
        [
            [row("x", "a", 1, 1, eff=10), row("x", "b", 1, 2, eff=20)],
            [row("x", "a", 2, 3, eff=30, gone=True)],
        ],
        [
            ("x|a", 10, True, False, 1),
            ("x|a", 20, False, True, 2),
            ("x|b", 20, True, False, 2),
            ("x|a", 30, False, False, 3),
        ],
        HELD,
    ),
    Case(
        "relation_a_row_without_partner_ends_what_there_is",
        RELATION,
        [
            [row("x", "a", 1, 1, eff=10), row("y", None, 1, 2, eff=30, gone=True)],
            [row("x", None, 2, 3, eff=20, gone=True), row("y", "a", 2, 4, eff=10)],
        ],
        [
            ("x|a", 10, True, False, 1),
            ("x|a", 20, False, True, 3),
            (None, 20, False, False, 3),
            (None, 30, False, False, 2),
            ("y|a", 10, True, False, 4),
            ("y|a", 30, False, True, 4),
        ],
        HELD,
    ),
    Case(
        "relation_two_from_one_time_the_last_counts",
        RELATION,
        [[row("x", "a", 1, 1, eff=10), row("x", "b", 1, 2, eff=10)], [row("x", "c", 2, 3, eff=5)]],
        [
            ("x|a", 10, True, False, 1),
            ("x|a", 10, False, True, 2),
            ("x|b", 10, True, False, 2),
            ("x|c", 5, True, False, 3),
            ("x|c", 10, False, True, 3),
        ],
        HELD,
    ),
    Case(
        "relation_same_batches_again_duplicates_and_an_empty_one",
        RELATION,
        [
            [row("x", "a", 1, 1, eff=10), row("x", "a", 1, 2, eff=10)],
            [row("x", "b", 2, 3, eff=20)],
            [],
            [row("x", "a", 4, 5, eff=10), row("x", "b", 4, 6, eff=20)],
        ],
        [("x|a", 10, True, False, 1), ("x|a", 20, False, True, 3), ("x|b", 20, True, False, 3)],
        HELD,
    ),
    Case(
        "relation_a_said_end_after_an_implied_one_of_that_time",
        RELATION,
        [
            [row("x", "a", 1, 1, eff=10), row("x", "b", 1, 2, eff=20)],
            [row("x", "a", 2, 3, eff=20, gone=True)],
        ],
        [
            ("x|a", 10, True, False, 1),
            ("x|a", 20, False, True, 2),
            ("x|b", 20, True, False, 2),
            ("x|a", 20, False, False, 3),
        ],
        HELD,
    ),
    Case(
        "relation_without_driving_key_or_time_gives_no_row",
        RELATION,
        [[row(None, "a", 1, 1, eff=10), row("x", "a", 1, 2), row("x", "a", 1, 3, eff=0)]],
        [("x|a", 0, True, False, 3)],
        HELD,
    ),
    Case(
        "relation_of_two_sources_with_a_ghost",
        RELATION.replace("stg", "[stg, stg2]").replace("['o']", "['o'], ghost_record=true"),
        [[row("x", "a", 1, 1, eff=10)], []],
        [
            ("-", False, "ghost"),
            ("x|a", True, "stg"),
            ("x|a", False, "stg2"),
            ("x|b", True, "stg2"),
        ],
        "pair_hk, is_active, record_source",
        second_source=[[row("x", "b", 2, 2, eff=20)], []],
    ),
    Case(
        "relation_by_load_time",
        UNTIMED_RELATION,
        [
            [row("x", "a", 1, 1)],
            [row("x", "b", 2, 2)],
            [row("x", "a", 1, 3)],
            [row("x", "b", 3, 4, gone=True)],
        ],
        [("x|a", 1, True), ("x|a", 2, False), ("x|b", 2, True), ("x|b", 3, False)],
        "pair_hk, loaded_at, is_active",
    ),
    Case(
        "relation_where_all_keys_drive",
        ALL_DRIVE,
        [
            [row("x", "a", 1, 1, eff=10), row("x", "b", 1, 2, eff=20)],
            [row("x", "a", 2, 3, eff=30, gone=True), row("x", None, 2, 4, eff=40, gone=True)],
        ],
        [("x|a", 10, True, False, 1), ("x|b", 20, True, False, 2), ("x|a", 30, False, False, 3)],
        HELD,
    ),
    # ---- presence by statements
    Case(
        "presence_appears_disappears_appears",
        STATEMENTS,
        [
            [row("x", None, 1, 1, eff=10)],
            [row("x", None, 2, 2, eff=20, gone=True)],
            [row("x", None, 3, 3, eff=30)],
        ],
        [("x", 10, True), ("x", 20, False), ("x", 30, True)],
        PRESENCE,
    ),
    Case(
        "presence_old_batch_again_duplicates_and_late",
        STATEMENTS,
        [
            [row("x", None, 1, 1, eff=20), row("x", None, 1, 2, eff=20), row(None, None, 1, 3)],
            [row("x", None, 2, 4, eff=30, gone=True)],
            [row("x", None, 3, 5, eff=20), row("x", None, 3, 6, eff=10), row("y", None, 3, 7)],
            [],
        ],
        [("x", 20, True), ("x", 30, False), ("x", 10, True)],
        PRESENCE,
    ),
    Case(
        "presence_of_two_sources_with_a_ghost",
        STATEMENTS.replace("stg", "[stg, stg2]").replace("['o']", "['o'], ghost_record=true"),
        [[row("x", None, 1, 1, eff=10)], []],
        [("-", False, "ghost"), ("x", True, "stg"), ("x", False, "stg2")],
        "thing_hk, is_present, record_source",
        second_source=[[row("x", None, 2, 2, eff=20, gone=True)], []],
    ),
    # ---- presence by full lists
    Case(
        "lists_tell_appearances_and_disappearances",
        LISTS,
        [
            [row("x", None, 1, 1), row("y", None, 1, 2)],
            [row("y", None, 2, 3), row("z", None, 2, 4), row("y", None, 2, 5)],
            [row("y", None, 3, 6), row("z", None, 3, 7)],
            [row("x", None, 4, 8), row("z", None, 4, 9)],
        ],
        lists_of("stg", (1, "xy", ""), (2, "z", "x"), (3, "", ""), (4, "x", "y")),
        LISTED,
    ),
    Case(
        "lists_several_in_a_batch_and_an_empty_batch",
        LISTS,
        [
            [row("x", None, 1, 1), row("y", None, 2, 2), row("x", None, 3, 3)],
            [],
            [row("x", None, 4, 4), row(None, None, 4, 5)],
        ],
        lists_of("stg", (1, "x", ""), (2, "y", "x"), (3, "x", "y"), (4, "", "")),
        LISTED,
    ),
    Case(
        "lists_old_ones_say_nothing_any_more",
        LISTS,
        [
            [row("x", None, 1, 1), row("x", None, 3, 2)],
            [row("y", None, 2, 3)],
            [row("x", None, 1, 4), row("x", None, 3, 5), row("z", None, 4, 6)],
        ],
        lists_of("stg", (1, "x", ""), (3, "", ""), (4, "z", "x")),
        LISTED,
    ),
    Case(
        "lists_of_two_sources_each_for_itself",
        LISTS.replace("stg", "[stg, stg2]"),
        [[row("x", None, 1, 1)], [row("y", None, 2, 3)]],
        lists_of("stg", (1, "x", ""), (2, "y", "x")) + lists_of("stg2", (1, "x", "")),
        LISTED,
        second_source=[[row("x", None, 1, 2)], []],
    ),
]


# ---- random histories, and what the definitions say about them


def _history(seed: int, *, lists: bool = False) -> list[list[Row]]:
    """Twelve batches; some come again, later or in their own place, some come late."""
    draw = random.Random(seed)
    batches: list[list[Row]] = []
    order = 0
    for loaded in range(1, 13):
        chance = draw.random()
        if batches and chance < 0.15:
            batches.append(list(draw.choice(batches)))
            continue
        old = draw.choice(batches) if batches and chance < 0.3 else None
        size = draw.randrange(9)
        when = loaded * 10 - (25 if lists and draw.random() < 0.25 else 0)
        batch = []
        for number in range(len(old) if old else size):
            order += 1
            if old:
                batch.append((*old[number][:5], when, order))
                continue
            fresh = row(
                draw.choice("pq"),
                draw.choice(["a", "b", "c", None]),
                when,
                order,
                v=draw.choice("12"),
                gone=draw.random() < 0.2,
                eff=draw.randrange(8),
            )
            batch.append(fresh)
        batches.append(batch)
    return batches


def _distinct(rows: list[Row], *names: str) -> list[dict[str, Any]]:
    """The first row, in load order, of each combination of values."""
    found: dict[Row, dict[str, Any]] = {}
    for values in sorted(rows, key=lambda row: row[-1]):
        named = dict(zip(NAMES, values, strict=True))
        found.setdefault(tuple(named[name] for name in names), named)
    return list(found.values())


def _partners(rows: list[Row], moment: int) -> set[str]:
    """Relations that hold: the last statement about a key counts, unless its partner has gone."""
    said = [
        {**row, "gone": row["gone"] or row["k2"] is None}
        for row in _distinct(
            [(*row[:3], row[3] or row[1] is None, *row[4:]) for row in rows],
            "k",
            "k2",
            "eff",
            "gone",
        )
        if row["eff"] <= moment
    ]
    said.sort(key=lambda row: (row["eff"], row["o"]))
    holding: dict[str, str | None] = {}
    for row in said:
        if not row["gone"] or row["k2"] is None:
            holding[row["k"]] = row["k2"]
        elif holding.get(row["k"]) == row["k2"]:
            holding[row["k"]] = None
    return {f"{key}|{partner}" for key, partner in holding.items() if partner}


def _held(found: list[Row], moment: int) -> set[str]:
    """The same, as the satellite says it: pair, time, active, implied, order."""
    last = {
        pair: active
        for pair, when, active, _, _ in sorted(found, key=lambda row: (row[1], row[4]))
        if when <= moment and pair is not None
    }
    return {pair for pair, active in last.items() if active}


def check_relations(rows: list[Row], found: list[Row]) -> None:
    for moment in range(-1, 9):
        assert _held(found, moment) == _partners(rows, moment), moment


def check_presence(rows: list[Row], found: list[Row]) -> None:
    said = _distinct(rows, "k", "eff", "gone")
    assert in_order(found) == in_order((row["k"], row["eff"], not row["gone"]) for row in said)


def check_lists(rows: list[Row], found: list[Row]) -> None:
    present: set[str] = set()
    newest = -100
    expected: list[Row] = []
    for loaded in dict.fromkeys(row[-2] for row in sorted(rows, key=lambda row: row[-1])):
        if loaded <= newest:
            continue
        newest = loaded
        keys = {row[0] for row in rows if row[-2] == loaded}
        expected += lists_of("stg", (loaded, "".join(keys - present), "".join(present - keys)))
        present = keys
    assert in_order(found) == in_order(expected)


def check_sets(rows: list[Row], found: list[Row]) -> None:
    expected: list[Row] = []
    for key in "pq":
        sets: dict[int, dict[str, str]] = {}
        for named in _distinct([row for row in rows if row[0] == key and row[1]], *NAMES):
            sets.setdefault(named["loaded"], {})[named["k2"]] = named["v"]
        current: dict[str, str] = {}
        for loaded, members in sets.items():
            if members != current:
                current = members
                expected += [(key, child, v, loaded) for child, v in members.items()]
    assert in_order(found) == in_order(expected)


def check_several(rows: list[Row], found: list[Row]) -> None:
    expected: list[Row] = []
    for key in {(row[0], row[1]) for row in rows if row[1]}:
        current = None
        for named in _distinct([row for row in rows if row[:2] == key], "v", "loaded", "o"):
            stored = (*key, named["v"], named["loaded"]) in expected
            if named["v"] != current and not stored:
                current = named["v"]
                expected.append((*key, current, named["loaded"]))
    assert in_order(found) == in_order(expected)


CHECKS: list[tuple[str, str, str, Callable[[list[Row], list[Row]], None]]] = [
    ("relations", RELATION, HELD, check_relations),
    ("presence", STATEMENTS, PRESENCE, check_presence),
    ("lists", LISTS, LISTED, check_lists),
    ("sets", SETS, MEMBER, check_sets),
    ("several", SEVERAL, MEMBER, check_several),
]
HISTORIES = [(seed, *check) for check in CHECKS for seed in (1, 2)]
SIZES = (3, 12)
SPLITS = [
    Case(
        f"{name}_{seed}_by_{size}",
        model,
        merged(_history(seed, lists=name == "lists"), size),
        [],
        columns,
    )
    for seed, name, model, columns, _ in HISTORIES
    for size in SIZES
]


# ---- building


def _models(cases: list[Case]) -> dict[str, str]:
    models = {}
    for case in cases:
        sources = [("stg", f"stg_{case.name}")]
        if case.second_source:
            sources.append(("stg2", f"stg2_{case.name}"))
        staged = [STAGE % {"name": name, "table": table} for name, table in sources]
        config = "{{ config(materialized='incremental') }}"
        models[case.name] = "\n".join([config, *staged, case.model])
    return models


def _delivered(case: Case, batch: int | None) -> dict[str, list[Row]]:
    """Rows of each source table in batch `batch`, or in all."""
    tables = {"stg": case.batches}
    if case.second_source:
        tables["stg2"] = case.second_source
    return {
        f"cases.{prefix}_{case.name}": (
            [row for rows in batches for row in rows]
            if batch is None
            else batches[batch]
            if batch < len(batches)
            else []
        )
        for prefix, batches in tables.items()
    }


def _deliver(project: Any, cases: list[Case], batch: int | None) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(NAMES, TYPES, strict=True))
    statements = ["create schema if not exists cases"]
    for case in cases:
        for table, rows in _delivered(case, batch).items():
            statements += table_of(table, columns, rows)
    project.execute(*statements)


@pytest.fixture(scope="session")
def increments(make_project: Any) -> Any:
    project = make_project("history_increments", _models(CASES + SPLITS))
    for batch in range(max(len(case.batches) for case in CASES + SPLITS)):
        _deliver(project, CASES + SPLITS, batch)
        project.dbt("run")
    return project


@pytest.fixture(scope="session")
def rebuild(make_project: Any) -> Any:
    project = make_project("history_rebuild", _models(CASES))
    _deliver(project, CASES, None)
    project.dbt("run")
    return project


@pytest.fixture(scope="session")
def bigquery(make_project: Any) -> dict[str, dict[str, str]]:
    """Each case's SQL in its two forms."""
    project = make_project(
        "history_bigquery", _models(CASES), ("cross_db", "data_vault", "overrides")
    )
    return {form: project.compiled(ADX_COMPILE_AS=form) for form in ("full", "incremental")}


KEYS = (
    {
        hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(): text
        for key in "xyzpq"
        for text in (key, *(f"{key}|{partner}" for partner in "abc"))
    }
    | {hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(): text for text in "abc"}
    | {"0" * 32: "-"}
)


def shown(value: Any) -> Any:
    """Hashes as the keys they are of, times as minutes."""
    if isinstance(value, uuid.UUID):
        value = value.hex
    if isinstance(value, dt.datetime):
        return int((value.replace(tzinfo=dt.UTC) - START).total_seconds() // 60)
    return KEYS.get(value, value) if isinstance(value, str) else value


def _rows(project: Any, case: Case) -> list[Row]:
    rows = project.rows(f"select {case.columns} from main.{case.name}")
    return [tuple(map(shown, values)) for values in rows]


def _sql_value(value: Any) -> str:
    kind = {str: "string", bool: "bool", int: "int64", dt.datetime: "timestamp"}[type(value)]
    return f"cast({literal(value)} as {kind})"


def _as_query(names: tuple[str, ...], types: tuple[str, ...], rows: list[Row]) -> str:
    """Rows as a query, for an executor without tables."""
    empty = ", ".join(
        f"cast(null as {kind}) as {name}" for name, kind in zip(names, types, strict=True)
    )
    selects = [f"select {empty} from unnest([1]) where false"]
    selects += [
        "select " + ", ".join("null" if v is None else _sql_value(v) for v in values)
        for values in rows
    ]
    return f"({' union all '.join(selects)})"


pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt_macros")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_increments_give_the_expected_rows(case: Case, increments: Any) -> None:
    assert in_order(_rows(increments, case)) == in_order(case.expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_first_load_equals_increments(case: Case, increments: Any, rebuild: Any) -> None:
    everything = f"select * from main.{case.name}"
    assert in_order(rebuild.rows(everything)) == in_order(increments.rows(everything))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_googlesql_gives_the_same(case: Case, bigquery: Any, googlesql: Any) -> None:
    """Batch after batch in Google's executor, which knows no tables: what is stored is a query."""
    stored: list[Row] = []
    names: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    for batch in range(len(case.batches)):
        sql = bigquery["incremental" if names else "full"][case.name]
        for table, rows in _delivered(case, batch).items():
            sql = sql.replace(f"{table} ", _as_query(NAMES, TYPES, rows) + " ")
        if names:
            this = f"`nowhere`.`main`.`{case.name}`"
            sql = sql.replace(this, _as_query(names, kinds, stored))
        columns = googlesql.columns_of(sql)
        names, kinds = tuple(columns), tuple(map(googlesql.type_name, columns.values()))
        stored += [tuple(values[name] for name in names) for values in googlesql.rows(sql)]

    query = _as_query(names, kinds, stored)
    found = googlesql.rows(f"select {case.columns} from {query}")
    assert in_order(tuple(map(shown, row.values())) for row in found) == in_order(case.expected)


@pytest.mark.parametrize(
    "history", HISTORIES, ids=[f"{name}_{seed}" for seed, name, *_ in HISTORIES]
)
def test_any_windows_tell_a_history_as_it_was(history: Any, increments: Any) -> None:
    seed, name, _, columns, check = history
    tables = [f"main.{name}_{seed}_by_{size}" for size in SIZES]
    results = [in_order(increments.rows(f"select * from {table}")) for table in tables]
    assert results[0]
    assert results[0] == results[1]

    rows = [row for batch in _history(seed, lists=name == "lists") for row in batch]
    found = increments.rows(f"select {columns} from {tables[0]}")
    check(rows, [tuple(map(shown, values)) for values in found])
