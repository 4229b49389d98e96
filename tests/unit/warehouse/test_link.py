"""Links of the chain: what stands on one side, twice, or otherwise is found."""

import duckdb
import pytest

from orchestration.warehouse.chain import CHAIN, Link
from orchestration.warehouse.chain.link import content_of, key_text


def link(expected: str, found: str) -> Link:
    def select(rows: str) -> str:
        return f"select place, {content_of(['a', 'b'])} as content from ({rows}) t(place, a, b)"

    return Link("x in y", ("a", "b"), select(expected), select(found))


def differences(expected: str, found: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(link(expected, found).statement()).fetchall()


ROWS = "values ('k1', 1, 'p'), ('k2', 2, null)"


def test_equal_sides_agree_in_any_order():
    assert differences(ROWS, "values ('k2', 2, null), ('k1', 1, 'p')") == []


@pytest.mark.parametrize(
    ("found", "place", "copies"),
    [
        ("values ('k1', 1, 'p')", "k2", (1, 0)),
        (f"{ROWS}, ('k3', 3, 'q')", "k3", (0, 1)),
        (f"{ROWS}, ('k1', 1, 'p')", "k1", (1, 2)),
        ("values ('k1', 1, 'P'), ('k2', 2, null)", "k1", (1, 1)),
        ("values ('k1', 1, 'p'), ('k2', 2, 'null')", "k2", (1, 1)),
    ],
)
def test_a_row_that_is_missing_extra_double_or_changed_is_found(found, place, copies):
    rows = differences(ROWS, found)
    assert rows == [(place, *copies)]


def test_the_contents_of_a_place_are_shown_from_both_sides():
    with duckdb.connect() as connection:
        shown = connection.execute(link(ROWS, "values ('k1', 1, 'P')").contents(), ["k1", "k1"])
        assert shown.fetchone() == ([["1", "p"]], [["1", "P"]])


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (["' a '", "1"], "a/1"),
        (["'a'", "' '"], None),
        (["null", "'b'"], None),
        ([r"e'\ta\n'"], "a"),
    ],
)
def test_a_key_is_trimmed_and_none_without_all_parts(parts, text):
    with duckdb.connect() as connection:
        assert connection.execute(f"select {key_text(parts)}").fetchone() == (text,)


def test_every_link_has_a_name_of_its_own():
    names = [link.name for link in CHAIN]
    assert len(names) == len(set(names))
